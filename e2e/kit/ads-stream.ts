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
} from '../../demo/rig/index.js';
import type { AdsOutcome, AdsScenario } from '../apps/ads-contract.js';
import { runAtRouter } from './programs.js';

/** Asks for secrets by name as the sidecar of the pod `namespace/name`, with a token of its own. */
export async function askForSecrets(
  mesh: Mesh,
  key: string,
  names: readonly string[],
): Promise<AdsOutcome> {
  const { manifest: pod } = mesh.pod(key);
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
    nodeId: key,
    csr,
    keyFile: '/somewhere/key.pem',
    subscribe: { [typeUrls.secret]: names },
    waitMs: 1_500,
  };
  return (await runAtRouter(mesh, 'ads-client', JSON.stringify(scenario))) as AdsOutcome;
}
