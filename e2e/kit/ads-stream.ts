/** Raw delta streams to the control plane under a pod's own identity, to see what its sidecar could get. */
import { readFile } from 'node:fs/promises';
import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { typeUrls } from '../../src/envoy/index.js';
import {
  controlPlaneIp,
  controlPlaneName,
  controlPlanePort,
  runCommand,
  type Mesh,
  type PodManifest,
} from '../../demo/rig/index.js';
import type { AdsOutcome, AdsScenario } from '../apps/ads-contract.js';
import { runAtRouter } from './programs.js';

/** Asks for secrets by name as the sidecar of the pod `namespace/name`, with a token of its own. */
export function askForSecrets(
  mesh: Mesh,
  key: string,
  names: readonly string[],
): Promise<AdsOutcome> {
  const subscribe = { [typeUrls.secret]: names };
  return streamAs(mesh, mesh.pod(key).manifest, { subscribe, waitMs: 1_500 });
}

/** A stream with a token of a pod, whether that runs or not; resolves when it has ended, or the time is over. */
export async function streamAs(
  mesh: Mesh,
  pod: Pick<PodManifest, 'namespace' | 'name' | 'uid' | 'serviceAccount'>,
  what: Pick<AdsScenario, 'subscribe' | 'waitMs' | 'refuses'>,
): Promise<AdsOutcome> {
  const record = join(mesh.controlPlane().stateDirectory, 'ca', 'join-token-key.pem');
  const now = Math.floor(Date.now() / 1000);
  const token = await new SignJWT({ pod: { name: pod.name, uid: pod.uid } })
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
    .setIssuer('skerry')
    .setAudience('skerry')
    .setSubject(`${pod.namespace}/${pod.serviceAccount}`)
    .setIssuedAt(now - 60)
    .setExpirationTime(now + 600)
    .sign(createPrivateKey(await readFile(record)));
  const { stdout: csr } = await runCommand([
    ...['openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', '/dev/null', '-subj', '/CN=somebody'],
  ]);
  const scenario: AdsScenario = {
    address: `${controlPlaneIp}:${controlPlanePort}`,
    serverName: controlPlaneName,
    rootBundle: await mesh.controlPlane().rootBundle(),
    token,
    nodeId: `${pod.namespace}/${pod.name}`,
    csr,
    keyFile: '/somewhere/key.pem',
    ...what,
  };
  return (await runAtRouter(mesh, 'ads-client', JSON.stringify(scenario))) as AdsOutcome;
}
