/** The composition's face. */
export { startController } from './compose.js';
export { createSecretCaStore } from './kubernetes/secret-ca-store.js';
