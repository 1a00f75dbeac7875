/** Injection: which pods get a sidecar, what they get, and the webhook that gives it. */
export { decide, type Decision, type DecisionInput } from './decide.js';
export { injectPod, checkPodShape, type InjectedPod } from './inject.js';
export { isList, isMap, isModestJson, type Json, type JsonMap } from './json.js';
export { patchOf, spellOperation, type PatchOperation } from './patch.js';
export { reviewPod, type ReviewAnswer } from './review.js';
export {
  createWebhookServer,
  type WebhookCertificate,
  type WebhookOptions,
  type WebhookServer,
} from './server.js';
export {
  annotations,
  defaultSettings,
  injectedNames,
  injectLabel,
  settingsMark,
  webhookConfigurationName,
  type ContainerResources,
  type InjectionSettings,
} from './settings.js';
