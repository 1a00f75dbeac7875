/** The rig: real pods on one machine, each a network namespace with its own Envoy; for the demo, tests and benches. */
export { startAgent, type Agent } from './agent.js';
export { type AgentRequestInput, type CallResult, type LoadResult } from './agent-protocol.js';
export { startCapture, type Capture } from './capture.js';
export { findCheckout, missingBuild, type Checkout } from './checkout.js';
export { callerSpiffeId } from './client-cert-header.js';
export {
  controlPlaneIp,
  controlPlaneName,
  controlPlanePort,
  type ControllerSettings,
} from './commands.js';
export { type CliResult, type ControlPlane } from './control-plane.js';
export { foreignIdentity, type ForeignIdentity } from './foreign-ca.js';
export { startMesh, type Mesh, type MeshOptions } from './mesh.js';
export { parseManifests, readManifests, type Manifests, type PodManifest } from './manifests.js';
export { routerIp, podCidr, serviceCidr, type Network, type NetworkNamespace } from './network.js';
export { flowsWith, isTls, readFlows, tlsBytes, type Flow } from './pcap.js';
export { type Pod, type Sidecar } from './pod.js';
export { missingPrivileges, type MissingPrivilege } from './privileges.js';
export { CommandError, runCommand, startProcess, type RunningProcess } from './process.js';
export { waitFor, WaitTimeout } from './wait.js';
