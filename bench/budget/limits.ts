/** What one thing more may take of a control plane's live heap; `npm run bench:guard` fails above it. */

/** What is counted. */
export type Budgeted = 'Service' | 'pod' | 'endpoint' | 'stream';

/** In bytes; about a quarter above what was seen last (docs/claims.md). */
export const budgets: Readonly<Record<Budgeted, number>> = {
  Service: 7_000,
  pod: 10_000,
  endpoint: 750,
  stream: 77_000,
};
