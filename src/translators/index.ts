/** The mesh's decisions and their spelling: the compiler that control plane, CLI and tests share. */
export { createPipeline } from './create-pipeline.js';
export type {
  DiagnosticChange,
  Pipeline,
  PipelineChanges,
  PipelineResult,
  PipelineSettings,
  WorkloadChange,
} from './pipeline-contract.js';
export { hasNamespace, type NamespaceSet, type PolicyReach } from './policy-reach.js';
export type { ScopedResource, SharedResource } from './scoped-resource.js';
export { toStaticBootstrap } from './static-bootstrap.js';
export { auditPolicyTag, plaintextTag } from './to-envoy/access-log.js';
export type { PolicyForm } from './to-ir/attach.js';
export type { Sidecar } from './to-ir/workload.js';
export type { Explanation, Outcome, Step } from './simulate/explain.js';
export type { BackendFact, CallFacts } from './simulate/facts.js';
export { explainQuery, type CallQuery } from './simulate/query.js';
export {
  changedCalls,
  type ChangedCall,
  type ChangedCalls,
  type PlanLimits,
} from './simulate/plan/changed-calls.js';
export type { PlanSide } from './simulate/plan/targets.js';
export {
  changeKinds,
  verdictWord,
  type CallState,
  type ChangeKind,
} from './simulate/plan/call-state.js';
