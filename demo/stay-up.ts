/** Keeps the demo's mesh up until Ctrl-C, and tells what can be done with it. */
import { watch } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mesh } from './rig/index.js';

/** Writes a script per pod that runs a command inside it, as the app's user; returns their folder. */
export async function writePodScripts(mesh: Mesh): Promise<string> {
  const folder = join(mesh.runDirectory, 'in');
  await mkdir(folder, { recursive: true });
  for (const pod of mesh.pods()) {
    const path = join(folder, pod.key.replace('/', '-'));
    await writeFile(path, `#!/bin/sh\nexec ${pod.argv([]).map(quote).join(' ')} "$@"\n`);
    await chmod(path, 0o755);
  }
  return folder;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** What the user may try next. */
export function hints(mesh: Mesh, scripts: string): string {
  const { adminSocket } = mesh.controlPlane();
  const skerry = `npm run -s skerry --`;
  return `The mesh is up. Try, in another terminal (as root, in this checkout):

  edit what it runs from, and watch it change:
    ${mesh.directory}/50-policies.yaml      e.g. let a call c, or move the canary to 50/50
    ${skerry} validate -f ${mesh.directory}      says what is wrong with an edit
  call as a pod does:
    ${scripts}/a-frontend curl -s http://reviews.b/
    ${scripts}/a-frontend curl -si http://ratings.c:8080/
  ask the control plane:
    ${skerry} proxies --admin-socket ${adminSocket}
    ${skerry} explain a/frontend ratings.c:8080 GET / --admin-socket ${adminSocket}
    ${skerry} config b/reviews-v1 listeners --admin-socket ${adminSocket}
  logs of the control plane, and of each sidecar with its access log:
    ${mesh.runDirectory}/control-plane.log
    ${mesh.runDirectory}/pods/*/envoy.log

Ctrl-C ends it and removes everything.
`;
}

/** Resolves when the user ends the demo; until then names follow the edited manifests. */
export async function untilInterrupted(mesh: Mesh, interrupted: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(mesh.directory, () => {
    clearTimeout(timer);
    timer = setTimeout(() => void mesh.resolveNames(), 200);
  });
  await new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    interrupted.addEventListener('abort', () => {
      resolve();
    });
  });
  clearTimeout(timer);
  watcher.close();
}
