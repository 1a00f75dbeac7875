/** The certificate authority: identities, tokens, certificates, and the store they rest in. */
export {
  parseSpiffeId,
  parseTrustDomain,
  parseWorkloadSpiffeId,
  type ParsedSpiffeId,
  type WorkloadSpiffeId,
} from './spiffe.js';
export {
  createJoinTokenIssuer,
  createTokenVerifier,
  type JoinTokenIssuer,
  type TokenRefusal,
  type TokenVerifier,
  type WorkloadIdentity,
} from './token.js';
export {
  createServiceAccountVerifier,
  type ServiceAccountIdentity,
  type ServiceAccountKeys,
  type ServiceAccountVerifier,
  type ServiceAccountVerifierOptions,
  type TokenReviewVerdict,
} from './service-account-token.js';
export { openAuthority, type Authority } from './authority.js';
export {
  defaultLifetimes,
  type AuthorityOptions,
  type CaAuditEvent,
  type CaWarning,
  type IssueRefusal,
  type IssueRequest,
  type Lifetimes,
} from './authority-options.js';
export { createRotation, type Rotation, type RotationView } from './rotation.js';
export type { Evidence, ReplicaEvidence, RotationPhase, Waiting } from './rotation-gate.js';
export type { RotationMode, RotationStep } from './rotation-moves.js';
export type { SlotRoots } from './rotation-record.js';
export { caEnds, expiryAlarms, type ExpiryAlarm } from './expiry.js';
export {
  keepOfflineRoot,
  makeOfflineRoot,
  offlineRootFiles,
  signRequests,
  type OfflineMinting,
  type OfflineRoot,
  type SignedIssuer,
  type SignedIssuers,
} from './offline-root.js';
export { forgetRequest, requestIssuers, type PendingRequest } from './pending-request.js';
export {
  restoreBackup,
  takeBackup,
  type Backup,
  type BackupFacts,
  type RestoreOptions,
} from './backup.js';
export { writeOnce } from './private-files.js';
export type { AuditFields } from './audit-chain.js';
export { listAuditFiles } from './audit-files.js';
export { openAuditLog, type AuditLog } from './audit-log.js';
export { verifyAudit, type AuditFile, type AuditFindings, type SeenChain } from './audit-verify.js';
export { importIssuers, type Imported, type ImportOptions } from './import.js';
export { keyFingerprintOf } from './slot.js';
export { CaError, type CaErrorCode } from './ca-error.js';
export type { Svid } from './issued.js';
export type { ServerCertificate } from './server-certificate.js';
export type { OpenSlots } from './open-slots.js';
export type { Arrangement, CaStore, SlotFiles, SlotName, StoredAuthority } from './store.js';
export { openDirectoryStore } from './store-directory.js';
export { renewalDelayMs, renewalTimeMs, type SvidLife } from './svid.js';
