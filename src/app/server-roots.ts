/** By which root's certificate sidecars have known this replica when they connected. Mutable state. */

/** The roots behind the certificates that were shown, over time. */
export interface ServerRoots {
  /** From now on a certificate of this root is shown. */
  shows(root: string): void;
  /** The root that was shown to a connection accepted at this time; undefined: none is known. */
  at(connectedAtMs: number | undefined): string | undefined;
}

/** Connections live for hours at most, in which the root changes once or twice. */
const kept = 8;

/** Nothing was shown yet. */
export function createServerRoots(now: () => number): ServerRoots {
  let shown: readonly { readonly sinceMs: number; readonly root: string }[] = [];
  return {
    shows(root): void {
      if (shown.at(-1)?.root === root) return;
      shown = [...shown, { sinceMs: now(), root }].slice(-kept);
    },
    at(connectedAtMs): string | undefined {
      if (connectedAtMs === undefined) return undefined;
      // In the very millisecond of a change it may have been the former one; the first one was there before all.
      const found = shown.findLast(({ sinceMs }) => sinceMs < connectedAtMs);
      return (found ?? shown[0])?.root;
    },
  };
}
