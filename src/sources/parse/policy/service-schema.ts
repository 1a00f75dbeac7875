/** References to Services and label selectors, as every section writes them. */
import type { z } from 'zod';
import type { ServiceRef } from '../../../model/index.js';
import { strict } from './check.js';
import { labels, namespaceName, objectName, portNumber } from './texts.js';

/** The fields of a reference to a Service. */
export const serviceFields = {
  service: objectName,
  namespace: namespaceName.optional(),
  port: portNumber.optional(),
};

/** `{service, namespace, port}`. */
export const serviceSchema = strict(serviceFields);

/** `{matchLabels}`, the only form of selector. */
export const selectorSchema = strict({ matchLabels: labels });

/** The reference, in the policy's own namespace where it names none. */
export function toServiceRef(ref: z.infer<typeof serviceSchema>, ownNamespace: string): ServiceRef {
  return {
    namespace: ref.namespace ?? ownNamespace,
    name: ref.service,
    ...(ref.port === undefined ? {} : { port: ref.port }),
  };
}
