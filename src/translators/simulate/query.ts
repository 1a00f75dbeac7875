/** Turns the words of `skerry explain` into a call, and explains it. */
import { fail, ok, type Result } from '../../lib/index.js';
import { explain, type Explanation } from './explain.js';
import type { MeshView } from './mesh-view.js';

/** A call in words. */
export interface CallQuery {
  /** `namespace/pod`. */
  readonly from: string;
  /** `service.namespace:port`, `ip:port`, `[ipv6]:port`, or a URL of one. */
  readonly to: string;
  readonly method: string;
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Host, port and (for a URL) path of a target; undefined when it is none. */
export function parseTarget(
  text: string,
): { readonly host: string; readonly port: number; readonly path?: string } | undefined {
  const match = /^(?:http:\/\/)?(?:\[([^\]]+)\]|([^[\]:/]+))(?::(\d{1,5}))?(\/.*)?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? '80');
  if (host === undefined || port < 1 || port > 65535) return undefined;
  const path = match?.[4];
  return { host, port, ...(path === undefined ? {} : { path }) };
}

/** The explanation, or what is wrong with the question. */
export function explainQuery(
  view: MeshView,
  query: CallQuery,
  clusterDomain: string,
): Result<Explanation, string> {
  const from = view.pod(query.from);
  if (from === undefined) return fail(`no pod ${query.from} is known (expected namespace/pod)`);
  const target = parseTarget(query.to);
  if (target === undefined) return fail(`expected service.namespace:port, found ${query.to}`);
  const path = target.path ?? query.path;
  if (!path.startsWith('/')) return fail(`expected a path that starts with /, found ${path}`);
  return ok(
    explain(
      view,
      {
        from,
        host: target.host,
        port: target.port,
        method: query.method,
        path,
        headers: query.headers,
      },
      clusterDomain,
    ),
  );
}
