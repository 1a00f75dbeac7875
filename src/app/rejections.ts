/**
 * Which sidecar has refused which policy. A stream forgets a refusal once it was sent the last good
 * form instead; the user still wants to know. Mutable state.
 */
import type { PolicyKey } from '../model/index.js';
import type { XdsResource } from '../xds/index.js';
import { policiesOf } from './policy-origins.js';

/** A resource that a sidecar refused, with Envoy's own words. */
export interface Rejection {
  readonly resource: XdsResource;
  readonly message: string;
}

/** The refusals that still matter. */
export interface Rejections {
  /** A sidecar has refused this resource for certain. */
  note(proxyId: string, rejection: Rejection): void;
  /** What it has refused, as long as a policy behind it is unchanged since. */
  of(proxyId: string): readonly Rejection[];
  /** The pod is gone. */
  forget(proxyId: string): void;
}

/** `isRefused`: the form with this hash is the newest of that policy, and somebody refuses it. */
export function createRejections(isRefused: (key: PolicyKey, hash: string) => boolean): Rejections {
  /** By sidecar, then by resource: a later refusal replaces the one before. */
  const noted = new Map<string, ReadonlyMap<string, Rejection>>();

  const current = (proxyId: string): ReadonlyMap<string, Rejection> =>
    new Map(
      [...(noted.get(proxyId) ?? [])].filter(([, { resource }]) =>
        policiesOf(resource).some(({ key, hash }) => isRefused(key, hash)),
      ),
    );

  return {
    note(proxyId, rejection): void {
      const { typeUrl, name } = rejection.resource;
      // What no longer matters goes at the same time, so that the set stays small.
      noted.set(proxyId, new Map([...current(proxyId), [`${typeUrl} ${name}`, rejection]]));
    },
    of: (proxyId) => [...current(proxyId).values()],
    forget(proxyId): void {
      noted.delete(proxyId);
    },
  };
}
