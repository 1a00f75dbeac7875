/** Claim: a meshed pod is still a pod: exec, logs, port-forward, names, Services and the API server work as before. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { portForward } from '../../kit/cluster/port-forward.js';
import { openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
let web: string;

beforeAll(async () => {
  await suite.start();
  [web = ''] = (await suite.pods('pods', 'app=web')).map(({ metadata }) => metadata.name);
});
afterAll(() => suite.stop());

test.each(['web', 'web.pods', 'web.pods.svc', 'web.pods.svc.cluster.local'])(
  'a call to %s arrives with the caller’s identity',
  async (name) => {
    const caller = await suite.caller('pods', 'caller');
    expect(await caller.http({ url: `http://${name}/` })).toMatchObject({
      status: 200,
      peerSpiffeId: 'spiffe://cluster.local/ns/pods/sa/caller',
    });
  },
);

test('all pods of a Service take part', async () => {
  const caller = await suite.caller('pods', 'caller');
  const pods = (await suite.pods('pods', 'app=web')).map(({ metadata }) => metadata.name);
  const { versions } = await caller.load({ url: 'http://web/', total: 100 });
  // The apps give the name of their pod as their version.
  expect(Object.keys(versions).sort()).toEqual(pods.toSorted());
});

test('a pod without a sidecar calls into the mesh, and is called from it, in plaintext', async () => {
  const plain = await suite.caller('pods-plain', 'plain');
  expect(await plain.http({ url: 'http://web.pods/' })).toMatchObject({
    status: 200,
    peerSpiffeId: null,
  });
  const caller = await suite.caller('pods', 'caller');
  expect(await caller.http({ url: 'http://plain.pods-plain/' })).toMatchObject({ status: 200 });
});

test('a meshed pod talks to the API server with its service account', async () => {
  const script = `
    const { readFileSync } = require('fs');
    const folder = '/var/run/secrets/kubernetes.io/serviceaccount/';
    require('https').get('https://kubernetes.default.svc/version', {
      ca: readFileSync(folder + 'ca.crt'),
      headers: { authorization: 'Bearer ' + readFileSync(folder + 'token') },
    }, (response) => response.pipe(process.stdout));`;
  const answer = await suite.node({ namespace: 'pods', pod: 'caller', container: 'app' }, script);
  expect(JSON.parse(answer)).toMatchObject({ major: '1' });
});

test('kubectl exec runs in the app, whose logs are its own', async () => {
  const said = await suite.node(
    { namespace: 'pods', pod: web, container: 'app' },
    'console.log(process.env.SERVICE)',
  );
  expect(said.trim()).toBe('web');
  // Where no container is named, the app is meant.
  for (const log of [
    await suite.log({ namespace: 'pods', pod: web, container: 'app' }),
    await suite.kubectl('logs', '-n', 'pods', web),
  ]) {
    expect(log.startsWith('{"event":"listening"')).toBe(true);
  }
});

test('kubectl port-forward reaches the app', async () => {
  const forward = await portForward(suite.rig, {
    namespace: 'pods',
    target: `pod/${web}`,
    port: 8080,
  });
  try {
    const response = await fetch(`${forward.url}/forwarded`);
    expect(await response.json()).toMatchObject({ service: 'web', path: '/forwarded' });
  } finally {
    await forward.stop();
  }
});

test('a NodePort reaches meshed pods from outside the cluster', async () => {
  const answer = await suite.rig.onNode([
    'curl',
    '-sf',
    '--max-time',
    '10',
    'http://127.0.0.1:30880/node-port',
  ]);
  expect(JSON.parse(answer)).toMatchObject({ service: 'web', path: '/node-port' });
});
