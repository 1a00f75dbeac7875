/** What the control plane says of itself: connected sidecars, diagnostics, its log. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { ProxyView } from '../../src/admin/index.js';
import type { Diagnostic } from '../../src/model/index.js';
import { waitFor, type CliResult, type ControlPlane, type Mesh } from '../../demo/rig/index.js';

/** `skerry proxies`, run as a user would. */
export function proxiesCommand(
  controlPlane: ControlPlane,
  ...args: readonly string[]
): Promise<CliResult> {
  return controlPlane.skerry(['proxies', ...args, '--admin-socket', controlPlane.adminSocket]);
}

/** What `skerry proxies -o json` prints. Its exit code says whether some sidecar refused something. */
export async function proxies(controlPlane: ControlPlane): Promise<readonly ProxyView[]> {
  const { stdout, stderr } = await proxiesCommand(controlPlane, '-o', 'json');
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as readonly ProxyView[];
}

/** The JSON at a path of the admin API. */
export function askAdmin(controlPlane: ControlPlane, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: controlPlane.adminSocket, path }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** `GET /v1/diagnostics` */
export async function diagnostics(controlPlane: ControlPlane): Promise<readonly Diagnostic[]> {
  return (await askAdmin(controlPlane, '/v1/diagnostics')) as readonly Diagnostic[];
}

/** Waits until every sidecar that runs is connected and has accepted all it was sent. */
export async function untilSettled(mesh: Mesh, timeoutMs = 20_000): Promise<readonly ProxyView[]> {
  const wanted = mesh
    .pods()
    .filter(({ sidecar }) => sidecar !== undefined)
    .map(({ key }) => key);
  return await waitFor(
    { what: 'settled sidecars', timeoutMs, intervalMs: 200 },
    async (): Promise<readonly ProxyView[] | undefined> => {
      const views = await proxyViews(mesh.controlPlane());
      const missing = wanted.filter((key) => !views.some(({ name }) => name === key));
      if (missing.length > 0) throw new Error(`not connected: ${missing.join(', ')}`);
      const late = views.filter(({ pendingForMs }) => pendingForMs !== undefined);
      if (late.length > 0) throw new Error(`late: ${late.map(({ name }) => name).join(', ')}`);
      return views;
    },
  );
}

/** As `proxies`, without the half second that the command takes to start. */
export async function proxyViews(controlPlane: ControlPlane): Promise<readonly ProxyView[]> {
  return (await askAdmin(controlPlane, '/v1/proxies')) as readonly ProxyView[];
}

/** Everything the control plane has logged. */
export function controlPlaneLog(controlPlane: ControlPlane): Promise<string> {
  return readFile(controlPlane.logFile, 'utf8');
}
