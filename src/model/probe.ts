/** What a sidecar answers for the kubelet: where, and what the pod's own spec says of its probes. */

/** The probes that a container may have, as its spec calls them. */
export const probeKinds = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

/** One of the {@link probeKinds}. */
export type ProbeKind = (typeof probeKinds)[number];

/**
 * The header of a rewritten probe that carries the original, as the JSON of `{port, probe}`. It
 * stands in the pod's spec, which nobody can change once the pod exists, as they could an annotation:
 * only what the pod was created with is ever probed.
 */
export const originalProbeHeader = 'x-skerry-probe';

/** The path, on the sidecar's readiness port, where a probe of a container is answered. */
export function probePath(container: string, kind: ProbeKind): string {
  return `/skerry/probe/${container}/${kind}`;
}

/**
 * The path, on the sidecar's readiness port, that is answered late: containers have it as their
 * preStop hook, so that callers are gone before the app is told to end.
 */
export const lingerPath = '/skerry/linger';

/** A header that a probe sends. */
export interface ProbeHeader {
  readonly name: string;
  readonly value: string;
}

/** How the app is asked; as the kubelet would, at the pod's own address. */
export type ProbeCheck =
  /** GET; a status from 200 to 399 passes. The certificate of an `https` app is not verified. */
  | {
      readonly kind: 'http';
      readonly scheme: 'http' | 'https';
      /** With its query, escaped, beginning with a slash. */
      readonly path: string;
      /** Absent: the address and port that are asked. */
      readonly host?: string;
      readonly headers: readonly ProbeHeader[];
    }
  /** Passes when the app accepts a connection. */
  | { readonly kind: 'tcp' }
  /** The gRPC health checking protocol; passes when the service is SERVING. */
  | { readonly kind: 'grpc'; readonly service: string };

/** A probe that the sidecar answers. */
export interface Probe {
  readonly container: string;
  readonly kind: ProbeKind;
  /** The app's port. */
  readonly port: number;
  readonly timeoutMs: number;
  readonly periodMs: number;
  readonly check: ProbeCheck;
}
