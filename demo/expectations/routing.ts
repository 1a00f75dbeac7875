/** Routes: a canary by weight, and A/B by header. */
import { allOf, type DemoContext, type Expectation } from '../expectation.js';
import { isPlausibleShare } from '../statistics.js';
import type { LoadResult } from '../rig/index.js';
import { get } from './reaching.js';

const canaryRequests = 600;

async function load(
  { mesh, marker }: DemoContext,
  headers: Readonly<Record<string, string>>,
  total: number,
): Promise<LoadResult> {
  const agent = await mesh.agent('a/frontend');
  return await agent.load({
    url: 'http://reviews.b/',
    headers: { 'x-demo-text': marker, ...headers },
    total,
  });
}

function count(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([key, value]) => `${value}× ${key}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

const canary: Expectation = {
  name: 'the canary gets a tenth of the requests',
  check: async (context) => {
    const result = await load(context, {}, canaryRequests);
    const v2 = result.versions['v2'] ?? 0;
    return allOf([
      [`statuses: ${count(result.statuses)}`, result.statuses['200'] === canaryRequests],
      [
        `versions: ${count(result.versions)}`,
        isPlausibleShare({ hits: v2, trials: canaryRequests, share: 0.1 }),
      ],
    ]);
  },
};

const headerSplit: Expectation = {
  name: 'requests with x-user: beta always get v2',
  check: async (context) => {
    const headers = { 'x-user': 'beta' };
    await get(
      context,
      { from: 'a/frontend', to: 'b/reviews (x-user: beta)' },
      { url: 'http://reviews.b/', headers },
    );
    const result = await load(context, headers, 100);
    return allOf([[`versions: ${count(result.versions)}`, result.versions['v2'] === 100]]);
  },
};

/** In the order shown. */
export const routingExpectations: readonly Expectation[] = [canary, headerSplit];
