/** The sources' face: Kubernetes objects to the model, from files now and from the API by the same parsers. */
export type { SourceBatch, SourceChange } from './change.js';
export {
  createDirectorySource,
  type DirectorySource,
  type DirectorySourceOptions,
  type SourceLogger,
} from './directory/source.js';
export { parseManifests, readDirectory, type ReadOnceOptions } from './directory/read-once.js';
export {
  fieldKey,
  findFields,
  readPolicyTests,
  type LocatedCase,
  type ObjectField,
  type PolicyTests,
} from './directory/read-documents.js';
export { type Expected, type ExpectedBackend, type TestCaller } from './parse/policy-test.js';
export { defaultRootNamespace } from './directory/root-namespace.js';
export { createLastGoodStore, type LastGood, type LastGoodStore } from './last-good.js';
export {
  collectionNames,
  offeredCollections,
  parseObject,
  type CollectionName,
  type CollectionRows,
  type OfferedCollection,
  type Outcome,
  type ParsedObject,
  type Row,
} from './parse/objects.js';
export { parseEndpointSlice } from './parse/endpoint-slice.js';
export { parseNamespace } from './parse/namespace.js';
export { parseNode } from './parse/node.js';
export { parsePod, type ParsedPod } from './parse/pod.js';
export { parseService } from './parse/service.js';
export {
  parseTrafficPolicy,
  type ParsedPolicy,
  type PolicyOptions,
} from './parse/traffic-policy.js';
export { trafficPolicyObjects, type DefinitionObject } from './parse/crd/objects.js';
export { hashJson } from './parse/canonical-json.js';
export { KubernetesApiError } from './kubernetes/api-error.js';
export {
  openKubernetesClient,
  type KubernetesClient,
  type KubernetesRequest,
  type KubernetesStreamRequest,
} from './kubernetes/client.js';
export type { CredentialsOptions } from './kubernetes/credentials.js';
export type { ExecRequest, ExecResult } from './kubernetes/exec.js';
export {
  createLeaderElector,
  leaderWriteTimeoutMs,
  type LeaderElector,
  type LeaderElectorOptions,
} from './kubernetes/lease.js';
export {
  createReflector,
  type ReflectedChange,
  type Reflector,
  type ReflectorOptions,
  type ReflectorState,
} from './kubernetes/reflector.js';
export {
  readKubernetes,
  type KubernetesSnapshot,
  type SnapshotRequest,
  type UnreadKind,
} from './kubernetes/snapshot.js';
export {
  createKubernetesSource,
  type KindState,
  type KubernetesSource,
  type KubernetesSourceOptions,
} from './kubernetes/source.js';
