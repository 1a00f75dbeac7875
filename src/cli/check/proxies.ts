/** Whether sidecars are connected, have accepted what they were sent, and have certificates that last. */
import type { CaView } from '../../admin/index.js';
import { formatAge } from '../age.js';
import type { ServedProxy } from '../commands/proxies.js';
import { listAt, textAt } from '../cluster/objects.js';
import { envoyVersion } from '../install/options.js';
import { tagOf } from '../install/upgrade.js';
import type { Check, CheckFinding, CheckOutcome } from './check.js';
import type { MeshPod } from './mesh-pod.js';

/** Envoy answers within a fraction of a second, even when it is busy. */
const slowMs = 30_000;
/** Renewals that fail are tried again every 30 s. */
const overdueMs = 300_000;
/** A sidecar connects in a second, and waits half a minute at most between its tries. */
const settlingMs = 60_000;

/** Whether a certificate that is due was renewed. */
export function certificateFindings(proxy: ServedProxy, nowMs: number): readonly CheckFinding[] {
  const { name, certificateNotAfterMs = Infinity, certificateRenewAtMs = Infinity } = proxy;
  const leftMs = certificateNotAfterMs - nowMs;
  if (leftMs > 0 && nowMs - certificateRenewAtMs <= overdueMs) return [];
  const says = `${name}: its certificate ${leftMs > 0 ? `ends in ${formatAge(leftMs)}` : 'has ended'}`;
  return [{ code: 'ProxyCertificateExpiring', says }];
}

/** A sidecar says whole seconds, and may have waited for its connection. */
const clockToleranceMs = 60_000;

/** Whether its clock was right when it connected. */
export function clockFindings({ name, clockAheadMs = 0 }: ServedProxy): readonly CheckFinding[] {
  if (Math.abs(clockAheadMs) <= clockToleranceMs) return [];
  const away = `${formatAge(Math.abs(clockAheadMs))} ${clockAheadMs < 0 ? 'behind' : 'ahead'}`;
  return [{ code: 'ProxyClockSkew', says: `${name}: its clock is ${away}` }];
}

/** Whether a certificate is of today's authority: while former ones drain, both are. */
export function rootOfCertificateFindings(
  { name, certificateRoot }: ServedProxy,
  { roots, rotation }: Pick<CaView, 'roots' | 'rotation'>,
): readonly CheckFinding[] {
  const active = roots.find(({ slot }) => slot === 'active')?.fingerprint;
  const isKnown = certificateRoot !== undefined && active !== undefined;
  if (!isKnown || certificateRoot === active || rotation.phase === 'draining') return [];
  const says = `${name}: its certificate is of root ${certificateRoot.slice(0, 16)}, not of ${active.slice(0, 16)}`;
  return [{ code: 'ProxyOfFormerRoot', says }];
}

/** What a sidecar refused, and whether it answers at all. */
export function answerFindings(proxy: ServedProxy): readonly CheckFinding[] {
  const { name, pendingForMs = 0, rejected } = proxy;
  const rejections = rejected.map(({ resource, type, origins, message }): CheckFinding => {
    const from = origins.length === 0 ? '' : ` (from ${origins.join(', ')})`;
    return { code: 'ProxyRejected', says: `${name}: ${type} ${resource}${from}: ${message}` };
  });
  if (pendingForMs <= slowMs) return rejections;
  const says = `${name}: no answer for ${formatAge(pendingForMs)}`;
  return [...rejections, { code: 'ProxySlow', says }];
}

/** The Envoy of pods that are created now; what no tag tells is what this release is made for. */
export function wantedEnvoy(deployment: unknown): string {
  const [container] = listAt(deployment, 'spec', 'template', 'spec', 'containers');
  const variable = listAt(container, 'env').find(
    (one) => textAt(one, 'name') === 'SKERRY_ENVOY_IMAGE',
  );
  const tag = tagOf(textAt(variable, 'value') ?? '').replace(/^v/, '');
  return /^\d+\.\d+\.\d+$/.test(tag) ? tag : envoyVersion;
}

function versionFindings(proxies: readonly ServedProxy[], wanted: string): readonly CheckFinding[] {
  const others = proxies.filter((proxy) => ![wanted, ''].includes(proxy.envoyVersion));
  const versions = [...new Set(others.map((proxy) => proxy.envoyVersion))].sort();
  return versions.map((version) => {
    const names = others.filter((proxy) => proxy.envoyVersion === version).map(({ name }) => name);
    const says = `Envoy ${version} instead of ${wanted}: ${String(names.length)} sidecars, one is ${names[0] ?? ''}`;
    return { code: 'ProxyVersionsDiffer', says };
  });
}

/** Pods that should be connected and are not. */
export function offlinePods(
  pods: readonly MeshPod[],
  connected: ReadonlySet<string>,
  nowMs: number,
): readonly MeshPod[] {
  return pods.filter(
    ({ name, hasSidecar, isRunning, startedAtMs = 0 }) =>
      hasSidecar && isRunning && nowMs - startedAtMs > settlingMs && !connected.has(name),
  );
}

/** Whether every sidecar is connected and well. */
export const proxiesCheck: Check = {
  name: 'proxies',
  needs: ['control-plane'],
  async look(facts): Promise<CheckOutcome> {
    const { proxies, problems } = await facts.proxies();
    const authority = await facts.authority();
    const connected = new Set(proxies.map(({ name }) => name));
    // A replica that does not say may have them; that it does not, another check tells.
    const isWhole = problems.length === 0;
    const offline = isWhole ? offlinePods(await facts.pods(), connected, facts.nowMs()) : [];
    return {
      says: `${String(connected.size)} sidecars are connected${isWhole ? '' : ', as far as replicas answer'}`,
      findings: [
        ...offline.map(({ name }): CheckFinding => ({ code: 'ProxyOffline', says: name })),
        ...proxies.flatMap(answerFindings),
        ...proxies.flatMap(clockFindings),
        ...proxies.flatMap((proxy) => certificateFindings(proxy, facts.nowMs())),
        ...proxies.flatMap((proxy) => rootOfCertificateFindings(proxy, authority)),
        ...versionFindings(proxies, wantedEnvoy(await facts.deployment())),
      ],
    };
  },
};
