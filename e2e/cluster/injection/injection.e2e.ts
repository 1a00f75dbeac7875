/** Claim: the label on a namespace is enough, who must not have a sidecar has none, and nobody is locked out. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CommandError } from '../../../demo/rig/index.js';
import {
  containerNames,
  controllerDeployment,
  controllerPods,
  skerry,
  systemNamespace,
  untilInstalled,
  type PodObject,
} from '../../kit/cluster/cluster.js';
import { manifest } from '../../kit/manifest.js';
import { appPod } from '../../kit/cluster/objects.js';
import { eventually, openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
const injected = ['skerry-redirect', 'skerry-identity', 'skerry-proxy'];

beforeAll(() => suite.start());
afterAll(() => suite.stop());

async function podAt(namespace: string, name: string): Promise<PodObject> {
  return (await suite.get(namespace, `pod/${name}`)) as PodObject;
}

/** Applies objects that are to be refused; returns what the user reads. */
async function refusal(...objects: readonly object[]): Promise<string> {
  try {
    await suite.apply(...objects);
  } catch (error) {
    if (error instanceof CommandError) return error.stderr;
    throw error;
  }
  throw new Error('it was admitted');
}

describe('a labelled namespace', () => {
  test('gives every pod a native sidecar, which starts before the app and ends after it', async () => {
    const pod = await suite.pod('injection', 'app=web');
    expect(containerNames(pod)).toEqual([...injected, 'app']);
    const proxy = pod.spec.initContainers?.find(({ name }) => name === 'skerry-proxy');
    expect(proxy?.restartPolicy).toBe('Always');
  });

  test('gives a pod what its annotations say', async () => {
    const annotations = {
      'skerry.dev/proxy-cpu': '20m',
      'skerry.dev/proxy-memory': '80Mi',
      'skerry.dev/exclude-inbound-ports': '8081',
    };
    const env = { PORT: '8080', EXTRA_PORTS: '8081' };
    await suite.apply(appPod('injection/annotated', { annotations, env }));
    await suite.ready('injection', 'pod/annotated');
    const pod = await podAt('injection', 'annotated');
    const proxy = pod.spec.initContainers?.find(({ name }) => name === 'skerry-proxy');
    expect(proxy?.resources?.requests).toEqual({ cpu: '20m', memory: '80Mi' });
    const caller = await suite.caller('injection', 'caller');
    const { podIP = '' } = pod.status;
    const meshed = await caller.http({ url: `http://${podIP}:8080/` });
    expect(meshed.peerSpiffeId).toBe('spiffe://cluster.local/ns/injection/sa/default');
    const around = await caller.http({ url: `http://${podIP}:8081/` });
    expect(around).toMatchObject({ status: 200, peerSpiffeId: null });
  });

  test('refuses a pod whose annotation means nothing, and says which', async () => {
    const annotations = { 'skerry.dev/exclude-inbound-ports': 'http' };
    const said = await refusal(appPod('injection/wrong', { annotations }));
    expect(said).toContain('skerry.dev/exclude-inbound-ports');
    expect(said).toContain('"http"');
  });

  test('refuses a pod that would run as the sidecar’s own user', async () => {
    const spec = { securityContext: { runAsUser: 1774 } };
    expect(await refusal(appPod('injection/same-user', { spec }))).toContain('runAsUser 1774');
  });

  test('leaves a pod alone that says so, and one that uses the node’s network', async () => {
    const labels = { app: 'opted-out', 'skerry.dev/inject': 'disabled' };
    await suite.apply(
      appPod('injection/opted-out', { labels }),
      appPod('injection/on-node', { spec: { hostNetwork: true }, env: { PORT: '38080' } }),
    );
    expect(containerNames(await podAt('injection', 'opted-out'))).toEqual(['app']);
    expect(containerNames(await podAt('injection', 'on-node'))).toEqual(['app']);
    await suite.ready('injection', 'pod/opted-out');
    const caller = await suite.caller('injection', 'opted-out');
    expect(await caller.http({ url: 'http://web/' })).toMatchObject({
      status: 200,
      peerSpiffeId: null,
    });
  });

  test('adds nothing to a pod that has its sidecar already', async () => {
    const { metadata, spec } = await podAt('injection', 'caller');
    const { annotations = {}, labels = {} } = metadata;
    const copy = {
      name: 'copy',
      namespace: 'injection',
      annotations,
      labels: { ...labels, app: 'copy' },
    };
    // The node is the scheduler's choice again.
    const free = { ...spec, nodeName: undefined };
    await suite.apply({ apiVersion: 'v1', kind: 'Pod', metadata: copy, spec: free });
    await suite.ready('injection', 'pod/copy');
    const made = await podAt('injection', 'copy');
    expect(containerNames(made)).toEqual([...injected, 'app']);
    expect(made.metadata.annotations?.['skerry.dev/injection']).toBe(
      annotations['skerry.dev/injection'],
    );
  });

  test('takes what skerry inject has printed as it is', async () => {
    const images = [
      ...['--skerry-image', 'registry.local/skerry/skerry:0.1.0'],
      ...['--envoy-image', 'registry.local/skerry/envoy:1.40.0'],
    ];
    const pod = manifest(appPod('injection/printed'));
    const printed = await skerry(['inject', '-f', '-', ...images], pod);
    await suite.rig.kubectl(['apply', '-f', '-'], { input: printed });
    await suite.ready('injection', 'pod/printed');
    expect(containerNames(await podAt('injection', 'printed'))).toEqual([...injected, 'app']);
    const caller = await suite.caller('injection', 'printed');
    expect(await caller.http({ url: 'http://web/' })).toMatchObject({ status: 200 });
  });
});

test('a namespace without the label is left alone, and so are the control plane’s own pods', async () => {
  await suite.apply(appPod('injection-plain/plain'));
  expect(containerNames(await podAt('injection-plain', 'plain'))).toEqual(['app']);
  for (const pod of await controllerPods(suite.rig)) {
    expect(containerNames(pod)).toEqual(['controller']);
  }
});

describe('without a control plane', () => {
  beforeAll(async () => {
    const caller = await suite.caller('injection', 'caller');
    expect(await caller.http({ url: 'http://web/' })).toMatchObject({ status: 200 });
    await suite.kubectl('scale', controllerDeployment, '-n', systemNamespace, '--replicas=0');
    await eventually(
      'the end of the control plane',
      async () =>
        (await suite.kubectl('get', 'pods', '-n', systemNamespace, '-o', 'name')).trim() === ''
          ? true
          : undefined,
      60_000,
    );
  });

  afterAll(async () => {
    await suite.kubectl('scale', controllerDeployment, '-n', systemNamespace, '--replicas=2');
    await untilInstalled(suite.rig);
  });

  test('pods of the system and of unlabelled namespaces are admitted and run', async () => {
    // Even where somebody has labelled the system by mistake.
    await suite.kubectl('label', 'namespace', 'kube-system', 'skerry.dev/inject=enabled');
    try {
      await suite.apply(appPod('kube-system/e2e-needed'), appPod('injection-plain/needed'));
      await suite.ready('kube-system', 'pod/e2e-needed');
      await suite.ready('injection-plain', 'pod/needed');
      expect(containerNames(await podAt('kube-system', 'e2e-needed'))).toEqual(['app']);
    } finally {
      await suite.remove(appPod('kube-system/e2e-needed'));
      await suite.kubectl('label', 'namespace', 'kube-system', 'skerry.dev/inject-');
    }
  });

  test('pods that run go on calling whom they have called before', async () => {
    const caller = await suite.caller('injection', 'caller');
    expect(await caller.http({ url: 'http://web/' })).toMatchObject({ status: 200 });
  });

  test('a new pod of the mesh is refused rather than let in without its sidecar, and one that opts out is not', async () => {
    expect(await refusal(appPod('injection/late'))).toContain('inject.skerry.dev');
    const labels = { app: 'late', 'skerry.dev/inject': 'disabled' };
    await suite.apply(appPod('injection/late', { labels }));
    expect(containerNames(await podAt('injection', 'late'))).toEqual(['app']);
  });

  test('a Deployment gets its pods as soon as the control plane is back', async () => {
    await suite.kubectl('scale', 'deployment/web', '-n', 'injection', '--replicas=2');
    await suite.kubectl('scale', controllerDeployment, '-n', systemNamespace, '--replicas=2');
    await untilInstalled(suite.rig);
    await suite.ready('injection', 'deployment/web');
    for (const pod of await suite.pods('injection', 'app=web')) {
      expect(containerNames(pod)).toEqual([...injected, 'app']);
    }
  });
});
