/** What must hold before an installation is replaced by another version. Pure, but for reading the cluster. */
import { listAt, textAt } from '../cluster/objects.js';
import { read, type Session } from './apply.js';
import type { Manifest } from './manifest.js';
import { systemNamespace, type InstallOptions } from './options.js';
import { pathOf } from './paths.js';
import { controllerName } from './rbac.js';

interface Version {
  readonly major: number;
  readonly minor: number;
}

function parseVersion(tag: string): Version | undefined {
  const [, major, minor] = /^v?(\d+)\.(\d+)\.\d+/.exec(tag) ?? [];
  return major === undefined || minor === undefined
    ? undefined
    : { major: Number(major), minor: Number(minor) };
}

/** Why one version may not follow another; undefined: it may. Tags that are no versions are the user's own affair. */
export function skewProblem(from: string, to: string): string | undefined {
  const [old, next] = [parseVersion(from), parseVersion(to)];
  if (old === undefined || next === undefined) return undefined;
  const step = next.minor - old.minor;
  if (old.major !== next.major) return `${from} to ${to} is a step over a major version`;
  if (step > 1) return `${from} to ${to} leaves out a minor version: take one at a time`;
  return step < -1 ? `${from} to ${to} goes back more than one minor version` : undefined;
}

/** The tag of an image; empty where it has none. */
export function tagOf(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1).split('@')[0] ?? '';
  const colon = name.indexOf(':');
  return colon < 0 ? '' : name.slice(colon + 1);
}

/** Versions in which policies may be stored and which the new definition does not know. */
export function lostVersions(installed: unknown, next: Manifest): readonly string[] {
  const served = listAt(next, 'spec', 'versions').map((version) => textAt(version, 'name'));
  const stored = listAt(installed, 'status', 'storedVersions');
  return stored.map((version) => String(version)).filter((version) => !served.includes(version));
}

/** What is in the way of an upgrade, one line each, and the version that runs now. */
export async function checkUpgrade(
  session: Session,
  options: InstallOptions,
  manifests: readonly Manifest[],
): Promise<{ readonly from: string; readonly problems: readonly string[] }> {
  const deployment = await read(
    session,
    `/apis/apps/v1/namespaces/${systemNamespace}/deployments/${controllerName}`,
  );
  if (deployment === undefined) {
    return { from: '', problems: ['there is nothing to upgrade: use skerry install'] };
  }
  const [container] = listAt(deployment, 'spec', 'template', 'spec', 'containers');
  const from = tagOf(textAt(container, 'image') ?? '');
  const skew = skewProblem(from, options.imageTag);
  const problems = skew === undefined ? [] : [skew];
  for (const next of manifests.filter(({ kind }) => kind === 'CustomResourceDefinition')) {
    const lost = lostVersions(await read(session, pathOf(next)), next);
    if (lost.length === 0) continue;
    problems.push(
      `TrafficPolicies may be stored as ${lost.join(', ')}, which ${options.imageTag} does not know: write each of them again, then take that version out of the status of ${next.metadata.name}`,
    );
  }
  return { from, problems };
}
