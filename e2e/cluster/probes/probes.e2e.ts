/** Claim: the kubelet's probes pass where nobody may call, and fail when the app has died. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PodObject } from '../../kit/cluster/cluster.js';
import { eventually, openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);

// That start() resolves says that all four are ready.
beforeAll(() => suite.start());
afterAll(() => suite.stop());

async function appOf(
  name: string,
): Promise<{ readonly ready: boolean; readonly restarts: number }> {
  const { status } = (await suite.get('probes', `pod/${name}`)) as PodObject;
  const app = status.containerStatuses?.find((container) => container.name === 'app');
  return { ready: app?.ready ?? false, restarts: app?.restartCount ?? 0 };
}

test('apps are left in peace while they live', async () => {
  for (const name of ['http', 'tcp', 'grpc', 'exec']) {
    expect(await appOf(name)).toEqual({ ready: true, restarts: 0 });
  }
});

test('what is probed is closed to everybody else', async () => {
  const { status } = (await suite.get('probes', 'pod/http')) as PodObject;
  const url = `http://${status.podIP ?? ''}:8080/`;
  await expect(suite.rig.onNode(['curl', '-s', '--max-time', '5', url])).rejects.toThrow('exit');
});

describe.each(['http', 'tcp', 'grpc'])('an app whose %s has died', (kind) => {
  test('is not ready, is started anew, and is ready again', async () => {
    const target = { namespace: 'probes', pod: kind, container: 'app' };
    await suite.node(target, `fetch('http://127.0.0.1:9999/${kind}')`);
    await eventually('unreadiness', async () => ((await appOf(kind)).ready ? undefined : true));
    await eventually(
      'a new start',
      async () => {
        const { ready, restarts } = await appOf(kind);
        return ready && restarts === 1 ? true : undefined;
      },
      60_000,
    );
  });
});
