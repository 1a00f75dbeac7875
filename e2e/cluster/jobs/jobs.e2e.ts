/** Claim: a Job of the mesh ends, with the result of its work, and its init containers are in the mesh too. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually, openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);

beforeAll(async () => {
  await suite.start();
  await suite.apply('_job.yaml');
});
afterAll(() => suite.stop());

test('a Job that has done its work is complete', async () => {
  await suite.kubectl(
    ...['wait', '--for=condition=complete', 'job/report', '-n', 'jobs', '--timeout=60s'],
  );
  const { status } = await suite.pod('jobs', 'job-name=report');
  expect(status.phase).toBe('Succeeded');
});

test('a Job whose work fails has failed, and nothing runs on', async () => {
  await suite.kubectl(
    ...['wait', '--for=condition=failed', 'job/broken', '-n', 'jobs', '--timeout=60s'],
  );
  await eventually('the end of its pod', async () => {
    const { status } = await suite.pod('jobs', 'job-name=broken');
    return status.phase === 'Failed' ? true : undefined;
  });
});

test.each(['prepare', 'app'])(
  'its container %s has called with its identity',
  async (container) => {
    const { metadata } = await suite.pod('jobs', 'job-name=report');
    const log = await suite.log({ namespace: 'jobs', pod: metadata.name, container });
    const { forwardedClientCert } = JSON.parse(log) as { readonly forwardedClientCert: string };
    expect(forwardedClientCert).toContain('URI=spiffe://cluster.local/ns/jobs/sa/default');
  },
);
