/** Principals of RBAC put together. */
import type { Principal } from '../../envoy/index.js';

/** Always matches. */
export const everybody: Principal = { any: true };
/** Never matches. */
export const nobody: Principal = { not_id: everybody };

/** One of them matches; of none: never. */
export function any(principals: readonly Principal[]): Principal {
  const [first, ...rest] = principals;
  if (first === undefined) return nobody;
  return rest.length === 0 ? first : { or_ids: { ids: principals } };
}

/** All match; of none: always. */
export function all(principals: readonly Principal[]): Principal {
  const [first, ...rest] = principals;
  if (first === undefined) return everybody;
  return rest.length === 0 ? first : { and_ids: { ids: principals } };
}
