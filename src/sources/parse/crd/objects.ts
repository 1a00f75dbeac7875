/** What makes the kind TrafficPolicy known to a cluster, as objects that can be applied. */
import { trafficPolicyDefinition } from './definition.js';
import { knownFieldsPolicy } from './known-fields.js';
import type { Schema } from './structural.js';

/** One of these objects. */
export interface DefinitionObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
}

interface Definition extends DefinitionObject {
  readonly spec: {
    readonly versions: readonly [
      {
        readonly schema: {
          readonly openAPIV3Schema: { readonly properties: { readonly spec: Schema } };
        };
      },
    ];
  };
}

/** The definition, the policy that refuses unknown fields, and its binding, in the order in which they are applied. */
export function trafficPolicyObjects(): readonly DefinitionObject[] {
  // Made by our own code: these are its fields.
  const definition = trafficPolicyDefinition().definition as unknown as Definition;
  const { spec } = definition.spec.versions[0].schema.openAPIV3Schema.properties;
  return [definition, ...(knownFieldsPolicy(spec) as unknown as readonly DefinitionObject[])];
}
