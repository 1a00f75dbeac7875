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
  type CaWarning,
  type IssuanceAudit,
  type IssueRefusal,
  type IssueRequest,
  type Lifetimes,
} from './authority-options.js';
export { CaError, type CaErrorCode } from './ca-error.js';
export type { Svid } from './issued.js';
export type { ServerCertificate } from './server-certificate.js';
export type { CaStore, SlotName } from './store.js';
export { openDirectoryStore } from './store-directory.js';
export { renewalDelayMs, renewalTimeMs, type SvidLife } from './svid.js';
