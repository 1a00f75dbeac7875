/** Tests of the command line of the bench against any ADS server. */
import { expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAdsOptions } from './options.js';

function withFile(text: string, task: (file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-bench-'));
  const file = join(folder, 'file');
  writeFileSync(file, text);
  return task(file).finally(() => {
    rmSync(folder, { recursive: true });
  });
}

test('sidecars of another control plane are told apart by number, in ids and metadata', async () => {
  const { plan } = await readAdsOptions([
    ...['--address', '10.0.0.1:15010', '--profile', 'istio', '--sidecars', '252'],
  ]);
  expect([plan.host, plan.port, plan.tls, plan.csrKey]).toEqual([
    ...['10.0.0.1', 15010, undefined, undefined],
  ]);
  expect(new Set(plan.sidecars.map(({ nodeId }) => nodeId)).size).toBe(252);
  expect(plan.sidecars[251]).toMatchObject({
    nodeId: 'sidecar~10.200.1.2~app-251.default~default.svc.cluster.local',
    metadata: { NAMESPACE: 'default', LABELS: { app: 'app-251' } },
  });
});

test('tokens go round, and metadata is laid over that of the profile', () =>
  withFile('first\nsecond\n', async (tokens) => {
    await withFile('{"zone":"z-{index}"}', async (metadata) => {
      const { plan } = await readAdsOptions([
        ...['--address', 'h:1', '--sidecars', '3', '--tokens', tokens, '--metadata', metadata],
      ]);
      expect(plan.sidecars.map(({ token, metadata: own }) => [token, own['zone']])).toEqual([
        ...[
          ['first', 'z-0'],
          ['second', 'z-1'],
          ['first', 'z-2'],
        ],
      ]);
    });
  }));

test.each([
  [[], '--address: expected HOST:PORT, found nothing'],
  [['--address', 'here'], '--address: expected HOST:PORT, found here'],
  [['--address', 'h:1', '--profile', 'kuma'], '--profile: expected skerry or istio, found kuma'],
  [['--address', 'h:1', '--sidecars', '0'], '--sidecars: expected a whole number from 1 to 10000'],
  [['--address', 'h:1', '--change', 'true'], '--change: expected --type-url and --name beside it'],
])('%j is refused with a sentence', async (args, message) => {
  await expect(readAdsOptions(args)).rejects.toThrow(message);
});
