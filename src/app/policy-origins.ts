/** Reads which forms of which policies a resource was made from. */
import type { PolicyKey } from '../model/index.js';
import type { XdsResource } from '../xds/index.js';

const policyOrigin = /^TrafficPolicy (\S+)$/;

/** One form of a policy. */
export interface PolicyOrigin {
  readonly key: PolicyKey;
  /** Of its spec. */
  readonly hash: string;
}

/** The policies among a resource's origins; empty where none had a part in it. */
export function policiesOf(resource: XdsResource): readonly PolicyOrigin[] {
  return resource.origins.flatMap(({ object, hash }) => {
    const key = policyOrigin.exec(object)?.[1];
    return key === undefined || hash === undefined ? [] : [{ key: key as PolicyKey, hash }];
  });
}
