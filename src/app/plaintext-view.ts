/** Who calls whom without mutual TLS, as the admin API shows it. */
import type { PlaintextView, PlaintextWorkload } from '../admin/index.js';
import type { InboundPortIr } from '../ir/index.js';
import type { PodKey } from '../model/index.js';
import type { Mesh } from './mesh.js';

/** What this control plane has heard, by workload. */
export function plaintextView(from: {
  readonly mesh: Pick<Mesh, 'pipeline' | 'plaintext' | 'ads'>;
  readonly sinceMs: number;
  readonly nowMs: number;
}): PlaintextView {
  const { mesh, sinceMs, nowMs } = from;
  const connected = new Set(mesh.ads.proxies().map(({ proxyId }) => proxyId));
  const workloads = [...mesh.pipeline.workloads().keys()].sort().flatMap((key) => {
    const pod = mesh.pipeline.view.pod(key);
    return pod === undefined ? [] : [workloadView(mesh, pod.key, connected.has(key))];
  });
  return { sinceMs, nowMs, workloads };
}

function workloadView(
  { pipeline, plaintext }: Pick<Mesh, 'pipeline' | 'plaintext'>,
  pod: PodKey,
  isConnected: boolean,
): PlaintextWorkload {
  return {
    ...{ pod, isConnected },
    ports: (pipeline.inbound(pod)?.ports ?? []).map(portView),
    calls: plaintext.of(pod).map((calls) => {
      const caller = pipeline.view.podByIp(calls.address)?.key;
      return { ...calls, ...(caller === undefined ? {} : { caller }) };
    }),
  };
}

const servicePrefix = 'Service ';

function portView({ port, mtls, origins }: InboundPortIr): PlaintextWorkload['ports'][number] {
  const services = origins.flatMap(({ object }) =>
    object.startsWith(servicePrefix) ? [object.slice(servicePrefix.length)] : [],
  );
  return { ...(port === undefined ? {} : { port }), mtls, services };
}
