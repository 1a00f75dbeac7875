/** Whether the sidecar of a called pod can fetch the keys by which it verifies tokens, as explain tells it. */
import type { FetchedKeysIr, JwtIr, Origin } from '../../ir/index.js';
import type { Pod } from '../../model/index.js';
import { judgeEndpoint, originTexts, usableOf } from './call-endpoint.js';
import type { Step } from './explain.js';
import type { MeshView } from './mesh-view.js';

/** A step for each issuer on the port whose keys `server` fetches. */
export function explainKeys(
  view: MeshView,
  server: Pod,
  { issuers, origins }: JwtIr,
): readonly Step[] {
  return issuers.flatMap(({ issuer, fetched }) => {
    if (fetched === undefined) return [];
    const source = `${server.key} fetches the keys of ${issuer} from Service ${fetched.service}`;
    const { obstacle, by = '', origins: more } = fetchOf(view, server, fetched);
    const says =
      obstacle === undefined
        ? `${source} (${fetched.url})${by} and keeps them fresh`
        : `${source}, but ${obstacle}: its tokens are good by keys fetched before, else refused with 401`;
    return [{ at: 'keys', says, from: originTexts([...origins, ...more]) }];
  });
}

interface Fetch {
  /** Why nobody answers. */
  readonly obstacle?: string;
  /** What the keys travel in. */
  readonly by?: string;
  readonly origins: readonly Origin[];
}

const travel = {
  mutual: ' by mutual TLS',
  origination: ' by TLS',
  plaintext: ' in plaintext, which others may forge,',
} as const;

function fetchOf(view: MeshView, server: Pod, fetched: FetchedKeysIr): Fetch {
  const { service, port, path, cluster: name } = fetched;
  if (view.service(service) === undefined) return { obstacle: 'it does not exist', origins: [] };
  const found = view.cluster(server, name);
  if (found?.cluster.kind.kind === 'dns') {
    const { outside, origins } = found.cluster.tls;
    return { by: travel[outside.kind === 'origination' ? 'origination' : 'plaintext'], origins };
  }
  const usable = found === undefined ? [] : usableOf(found.endpoints);
  if (found === undefined || usable.length === 0) {
    return { obstacle: `its port ${String(port)} has no endpoint that is ready`, origins: [] };
  }
  const call = { from: server, host: service, port, method: 'GET', path, headers: {} };
  const judged = usable.map((endpoint) =>
    judgeEndpoint(view, call, 'http', found.cluster, endpoint),
  );
  const admitted = judged.find(({ outcome }) => outcome.verdict === 'admitted');
  if (admitted !== undefined) {
    return { by: travel[admitted.outcome.tls ?? 'plaintext'], origins: admitted.origins };
  }
  const [first] = judged;
  const by = first === undefined || first.outcome.by === '' ? '' : ` by ${first.outcome.by}`;
  const verdict = first?.outcome.verdict ?? 'refused';
  return { obstacle: `it is ${verdict} there${by}`, origins: first?.origins ?? [] };
}
