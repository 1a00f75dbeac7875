/** The composition's face. */
export { startController } from './compose.js';
