/** What a cluster's DNS and kube-proxy do for pods, as files: hosts entries, and plain forwarding for pods without a sidecar. */
import type { ServiceManifest } from './manifests.js';

/**
 * The text of /etc/hosts for pods of `namespace`: `reviews`, `reviews.b`, `reviews.b.svc` and
 * `reviews.b.svc.cluster.local` stand for the Service's virtual address, or for each ready
 * endpoint of a headless one. The short name holds in its own namespace only.
 */
export function hostsFile(services: readonly ServiceManifest[], namespace: string): string {
  const lines = services.flatMap((service) => {
    const full = `${service.name}.${service.namespace}`;
    const names = [
      ...(service.namespace === namespace ? [service.name] : []),
      full,
      `${full}.svc`,
      `${full}.svc.cluster.local`,
    ].join(' ');
    return addressesOf(service).map((ip) => `${ip} ${names}`);
  });
  return ['127.0.0.1 localhost', '::1 localhost', ...lines, ''].join('\n');
}

function addressesOf(service: ServiceManifest): readonly string[] {
  if (service.clusterIp !== undefined) return [service.clusterIp];
  const ips = service.ports.flatMap(({ endpoints }) => endpoints.map(({ ip }) => ip));
  return [...new Set(ips)];
}

/**
 * Rules for `iptables-restore` that forward each virtual address to one of its endpoints at
 * random, as kube-proxy's do. For pods without a sidecar: a sidecar needs none.
 */
export function forwardingRules(services: readonly ServiceManifest[]): string {
  const rules = services.flatMap(({ clusterIp, ports }) =>
    clusterIp === undefined
      ? []
      : ports.flatMap(({ port, endpoints }) =>
          endpoints.map((endpoint, index) => {
            const rest = endpoints.length - index;
            const chance =
              rest === 1
                ? ''
                : ` -m statistic --mode random --probability ${(1 / rest).toFixed(6)}`;
            return `-A OUTPUT -d ${clusterIp}/32 -p tcp --dport ${port}${chance} -j DNAT --to-destination ${endpoint.ip}:${endpoint.port}`;
          }),
        ),
  );
  return ['*nat', ...rules, 'COMMIT', ''].join('\n');
}
