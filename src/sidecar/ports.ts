/** The numbers and names that sidecars, redirection rules and translators agree on. */

/** Where redirected outbound connections arrive. */
export const outboundPort = 15001;
/** Where redirected inbound connections arrive. */
export const inboundPort = 15006;
/** Readiness and rewritten probes; the listener comes by LDS, so it opens with the first configuration. */
export const readinessPort = 15021;
/** Prometheus metrics of the sidecar. */
export const metricsPort = 15090;

/** The sidecar's uid and gid; neither 1337 nor 1338, which other meshes take. */
export const proxyUid = 1774;
/** See `proxyUid`. */
export const proxyGid = 1774;

/** Source address of connections from the sidecar to its own app: how rules tell them apart. */
export const inboundSourceV4 = '127.0.0.6';
/** The same for IPv6; unlike 127.0.0.6 it must be given to the loopback interface. */
export const inboundSourceV6 = '::6';

/** SDS name of the workload's own certificate. */
export const ownCertificateName = 'default';
/** SDS name of the trust bundle. */
export const trustBundleName = 'ROOTCA';

/** Name of the bootstrap's cluster for the control plane. */
export const controlPlaneCluster = 'skerry_control_plane';
/** Name of the bootstrap's cluster for the sidecar's own admin socket. */
export const adminCluster = 'skerry_admin';

/** Header of each stream to the control plane: the sidecar's own time, in whole seconds since the epoch. */
export const clockHeader = 'x-skerry-clock';

/** Keys of the node metadata by which a sidecar tells the control plane about itself. */
export const nodeMetadataKeys = {
  /** Its certificate request, PEM. */
  csr: 'skerry.dev/csr',
  /** Where its private key rests in its own file system; the SDS answer names it. */
  keyFile: 'skerry.dev/key-file',
  /** The uid of its pod; a claim, compared with the token's. */
  podUid: 'skerry.dev/pod-uid',
  /** The pod's labels; for people, nothing is decided by them. */
  labels: 'skerry.dev/labels',
} as const;
