/** Claim: where PodSecurity allows nothing, the node's CNI plugin redirects; and it leaves the node as it was. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CommandError } from '../../../demo/rig/index.js';
import { containerNames, podsOf, skerry, type PodObject } from '../../kit/cluster/cluster.js';
import { appPod } from '../../kit/cluster/objects.js';
import { eventually, openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
const { cniBinDir, cniConfDir } = suite.rig;
const cniNamespace = 'skerry-cni';
const restrictedSpec = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
};

/** A pod that the namespace admits. */
function strictPod(name: string): object {
  const pod = appPod(`restricted/${name}`, { spec: restrictedSpec }) as {
    readonly spec: { readonly containers: readonly object[] };
  };
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
  const containers = pod.spec.containers.map((one) => ({ ...one, securityContext }));
  return { ...pod, spec: { ...pod.spec, containers } };
}

async function install(redirection: 'init' | 'cni'): Promise<void> {
  const folders = ['--cni-bin-dir', cniBinDir, '--cni-conf-dir', cniConfDir];
  const cluster = ['--kubeconfig', suite.rig.kubeconfig];
  await skerry(['install', '--apply', '--redirection', redirection, ...folders, ...cluster]);
}

/** What the node has for its pods' network: names of plugins, and the configuration in force. */
async function nodeState(): Promise<{
  readonly files: readonly string[];
  readonly configuration: unknown;
}> {
  const script = 'ls -A "$1"; echo --; ls -A "$2"; echo --; cat "$2/$(ls "$2" | head -n 1)"';
  const text = await suite.rig.onNode(['sh', '-c', script, 'sh', cniBinDir, cniConfDir]);
  const [binaries = '', configurations = '', configuration = ''] = text.split('--\n');
  return {
    files: [...binaries.split('\n'), ...configurations.split('\n')],
    configuration: JSON.parse(configuration),
  };
}

async function isChained(): Promise<boolean> {
  return JSON.stringify((await nodeState()).configuration).includes('"skerry-cni"');
}

async function identityOf(name: string): Promise<unknown> {
  const agent = await suite.caller('restricted', name);
  const { status, peerSpiffeId } = await agent.http({ url: 'http://web/' });
  return { status, peerSpiffeId };
}

/** The DaemonSet's pods where the pods of this suite are; other nodes have theirs too. */
async function cniPods(): Promise<readonly PodObject[]> {
  const { nodeName } = ((await suite.get('restricted', 'pod/caller')) as PodObject).spec;
  const pods = await podsOf(suite.rig, cniNamespace);
  return pods.filter(({ spec }) => spec.nodeName === nodeName);
}

let before: Awaited<ReturnType<typeof nodeState>>;

beforeAll(async () => {
  await suite.start();
  before = await nodeState();
});

afterAll(async () => {
  await suite.stop();
  await install('init');
  await suite.kubectl('delete', 'namespace', cniNamespace, '--ignore-not-found');
});

test('with an init container for redirection, a pod there is refused', async () => {
  const refused = suite.apply(strictPod('refused'));
  const error: unknown = await refused.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CommandError);
  expect((error as CommandError).stderr).toContain('violates PodSecurity "restricted:latest"');
  expect((error as CommandError).stderr).toContain('skerry-redirect');
});

describe('with the CNI plugin', () => {
  beforeAll(async () => {
    await install('cni');
    await suite.apply('_pods.yaml');
    await suite.ready('restricted', 'deployment/web');
    await suite.ready('restricted', 'pod/caller');
    await suite.ready('restricted-plain', 'pod/plain');
  });

  test('pods there are meshed, and none of their containers has a capability', async () => {
    expect(await identityOf('caller')).toEqual({
      status: 200,
      peerSpiffeId: 'spiffe://cluster.local/ns/restricted/sa/caller',
    });
    const pod = await suite.pod('restricted', 'app=web');
    expect(containerNames(pod)).toEqual([
      'skerry-verify',
      'skerry-identity',
      'skerry-proxy',
      'app',
    ]);
    expect(JSON.stringify(pod.spec)).not.toContain('"add"');
  });

  test('what comes in goes through the sidecar: Strict refuses a caller outside the mesh', async () => {
    const plain = await suite.caller('restricted-plain', 'plain');
    const result = await plain.http({ url: 'http://web.restricted/' });
    expect(result).toMatchObject({ status: null, body: '' });
  });

  test('pods outside the mesh are not redirected', async () => {
    const script = `require('net').connect(443, 'kubernetes.default.svc').on('connect', () => {
      console.log('reached'); process.exit(); });`;
    const target = { namespace: 'restricted-plain', pod: 'plain', container: 'app' };
    expect((await suite.node(target, script)).trim()).toBe('reached');
  });

  test('another tool that writes the configuration does not end it', async () => {
    const script = 'printf %s "$1" > "$2/$(ls "$2" | head -n 1)"';
    const text = JSON.stringify(before.configuration);
    await suite.rig.onNode(['sh', '-c', script, 'sh', text, cniConfDir]);
    await eventually('the plugin in its chain', async () =>
      (await isChained()) ? true : undefined,
    );
    await suite.apply(strictPod('after-another-tool'));
    await suite.ready('restricted', 'pod/after-another-tool');
  });

  test('while the DaemonSet’s pod is replaced, the node redirects', async () => {
    const [old] = await cniPods();
    await suite.kubectl(
      'delete',
      'pod',
      old?.metadata.name ?? '',
      '-n',
      cniNamespace,
      '--wait=false',
    );
    await suite.apply(strictPod('meanwhile'));
    const seen: boolean[] = [];
    await eventually(
      'another pod of the DaemonSet',
      async () => {
        seen.push(await isChained());
        const ready = (await cniPods()).find(
          ({ metadata, status }) =>
            metadata.name !== old?.metadata.name && status.containerStatuses?.[0]?.ready === true,
        );
        return ready === undefined ? undefined : true;
      },
      60_000,
    );
    expect(seen.every(Boolean)).toBe(true);
    await suite.ready('restricted', 'pod/meanwhile');
    expect(await identityOf('meanwhile')).toMatchObject({ status: 200 });
  });

  test('its removal leaves the node as it was', async () => {
    await suite.kubectl('delete', 'daemonset', 'skerry-cni', '-n', cniNamespace);
    await eventually('the node without the plugin', async () =>
      (await podsOf(suite.rig, cniNamespace)).length === 0 && !(await isChained())
        ? true
        : undefined,
    );
    await eventually('a clean node', async () => {
      expect(await nodeState()).toEqual(before);
      return true;
    });
  });

  test('a pod that comes before the plugin waits, and goes on with it', async () => {
    await suite.apply(strictPod('early'));
    const verify = (pod: PodObject): unknown =>
      pod.status.initContainerStatuses?.find(({ name }) => name === 'skerry-verify');
    const early = async (): Promise<PodObject> =>
      (await suite.get('restricted', 'pod/early')) as PodObject;
    await eventually(
      'the pod’s verification',
      async () => {
        expect(verify(await early())).toMatchObject({ started: true, ready: false });
        return true;
      },
      60_000,
    );
    await install('cni');
    await suite.ready('restricted', 'pod/early');
    expect(verify(await early())).toMatchObject({ ready: true, restartCount: 0 });
    expect(await identityOf('early')).toMatchObject({ status: 200 });
    const [{ metadata }] = (await cniPods()) as readonly [PodObject];
    const log = await suite.kubectl('logs', '-n', cniNamespace, metadata.name);
    expect(log).toContain('"pod":"restricted/early"');
  });

  test('its namespace takes it along', async () => {
    await suite.kubectl('delete', 'namespace', cniNamespace);
    await eventually('a clean node', async () => {
      expect(await nodeState()).toEqual(before);
      return true;
    });
    // Pods that it has redirected keep their rules.
    expect(await identityOf('caller')).toMatchObject({ status: 200 });
  });
});
