/** Names of clusters, as sidecars ask for them: by the address that the app called, or by Service. */
import type { ServiceKey } from '../model/index.js';

/** What the bytes inside a cluster's connections are. */
export type Wire = 'http' | 'tcp';

/** What a cluster's name says. */
export type ClusterName =
  /** `http|10.96.0.1:80`, `tcp|[fd00::1]:80`: a Service's virtual IP, a pod, or an address nobody knows. */
  | { readonly kind: 'address'; readonly wire: Wire; readonly ip: string; readonly port: number }
  /** `http|shop/reviews:80` or, for a subset, `http|shop/reviews:80|version=v1,zone=a` (keys sorted). */
  | {
      readonly kind: 'service';
      readonly wire: Wire;
      readonly service: ServiceKey;
      readonly port: number;
      readonly subset: Readonly<Record<string, string>>;
    };

/** `10.0.0.1:80`, `[fd00::1]:80`: how Envoy prints an address. */
export function formatAddress(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${String(port)}` : `${ip}:${String(port)}`;
}

/** The name as text. */
export function formatClusterName(name: ClusterName): string {
  if (name.kind === 'address') return `${name.wire}|${formatAddress(name.ip, name.port)}`;
  const labels = Object.keys(name.subset)
    .sort()
    .map((key) => `${key}=${name.subset[key] ?? ''}`)
    .join(',');
  const base = `${name.wire}|${name.service}:${String(name.port)}`;
  return labels === '' ? base : `${base}|${labels}`;
}

/** The inverse of {@link formatClusterName}; undefined for any other text. */
export function parseClusterName(text: string): ClusterName | undefined {
  const [wire, target, labels, ...rest] = text.split('|');
  if ((wire !== 'http' && wire !== 'tcp') || target === undefined || rest.length > 0) {
    return undefined;
  }
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:]+)):(\d{1,5})$/.exec(target);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65535) return undefined;
  const host = match[1] ?? match[2] ?? '';
  if (!host.includes('/')) {
    return labels === undefined && (match[1] !== undefined || /^[\d.]+$/.test(host))
      ? { kind: 'address', wire, ip: host, port }
      : undefined;
  }
  const subset: Record<string, string> = {};
  for (const pair of labels === undefined ? [] : labels.split(',')) {
    const cut = pair.indexOf('=');
    if (cut < 1) return undefined;
    subset[pair.slice(0, cut)] = pair.slice(cut + 1);
  }
  return { kind: 'service', wire, service: host as ServiceKey, port, subset };
}
