/** The pod's side of the contract: ports and names, redirection, bootstrap, preparation, command. */
export {
  adminCluster,
  clockHeader,
  controlPlaneCluster,
  inboundPort,
  inboundSourceV4,
  inboundSourceV6,
  metricsPort,
  nodeMetadataKeys,
  outboundPort,
  ownCertificateName,
  proxyGid,
  proxyUid,
  readinessPort,
  trustBundleName,
} from './ports.js';
export {
  checkRedirectOptions,
  redirectRules,
  type IpFamily,
  type RedirectOptions,
} from './redirect.js';
export {
  applyRedirect,
  checkRedirect,
  RedirectError,
  runOnHost,
  type ApplyRedirectOptions,
  type CommandResult,
  type RunCommand,
} from './apply-redirect.js';
export {
  bootstrap,
  checkBootstrapOptions,
  type Bootstrap,
  type BootstrapOptions,
  type Json,
  type SidecarPaths,
} from './bootstrap.js';
export type { StatsProfile } from './stats.js';
export { certificateRequest } from './csr.js';
export {
  initSidecar,
  planSidecar,
  sidecarLayout,
  SidecarInitError,
  type PlannedFile,
  type SidecarInitOptions,
  type SidecarLayout,
} from './init.js';
export {
  defaultDrainSeconds,
  proxyCommand,
  type ProxyCommand,
  type ProxyCommandOptions,
} from './command.js';
export { drain, isReady, ProxyCallError } from './probe.js';
export {
  NotRedirectedError,
  verifyRedirect,
  type PodAddress,
  type Verification,
  type VerifyRedirectOptions,
} from './verify.js';
export {
  parseRedirection,
  redirectionAnnotation,
  spellRedirection,
  type Redirection,
} from './redirection.js';
