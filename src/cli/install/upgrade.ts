/** What must hold before an installation is replaced by another version. Pure, but for reading the cluster. */
import { listAt, textAt } from '../cluster/objects.js';
import { read, type Session } from './apply.js';
import { installedFolders, installedOptions, type InstalledOptions } from './installed.js';
import type { Manifest } from './manifest.js';
import { installObjects } from './objects.js';
import type { InstallOptions } from './options.js';
import { daemonSetPath, deploymentPath, pathOf } from './paths.js';

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

/** The Deployment of the control plane as it is; undefined: none is installed. */
export function readInstalled(session: Session): Promise<unknown> {
  return read(session, deploymentPath);
}

/** What the installation was told, of which the Deployment is a part. */
export async function readInstalledOptions(
  session: Session,
  deployment: unknown,
): Promise<InstalledOptions> {
  const daemonSet = await read(session, daemonSetPath);
  return { ...installedOptions(deployment), ...installedFolders(daemonSet) };
}

/** The tag of the image that a Deployment runs; empty where it has none. */
export function installedTag(deployment: unknown): string {
  const [container] = listAt(deployment, 'spec', 'template', 'spec', 'containers');
  return tagOf(textAt(container, 'image') ?? '');
}

/** Every identity is a name of the trust domain, and the authority signs no other. */
function trustDomainProblem(deployment: unknown, options: InstallOptions): readonly string[] {
  const { trustDomain } = installedOptions(deployment);
  if (trustDomain === undefined || trustDomain === options.trustDomain) return [];
  return [
    `the mesh has the trust domain ${trustDomain}, in which all its certificates are: leave out --trust-domain ${options.trustDomain}, or uninstall first`,
  ];
}

/** What is in the way of installing over what is there, one line each; nothing is where nothing is there. */
export function checkReinstall(deployment: unknown, options: InstallOptions): readonly string[] {
  if (deployment === undefined) return [];
  const from = installedTag(deployment);
  const problems = trustDomainProblem(deployment, options);
  if (from === options.imageTag) return problems;
  return [
    ...problems,
    `${from === '' ? 'another version' : from} is installed: use skerry upgrade`,
  ];
}

/** What is in the way of an upgrade, one line each. */
export async function checkUpgrade(
  session: Session,
  deployment: unknown,
  options: InstallOptions,
): Promise<readonly string[]> {
  if (deployment === undefined) return ['there is nothing to upgrade: use skerry install'];
  const skew = skewProblem(installedTag(deployment), options.imageTag);
  const problems = [
    ...(skew === undefined ? [] : [skew]),
    ...trustDomainProblem(deployment, options),
  ];
  const definitions = installObjects(options).filter(
    ({ kind }) => kind === 'CustomResourceDefinition',
  );
  for (const next of definitions) {
    const lost = lostVersions(await read(session, pathOf(next)), next);
    if (lost.length === 0) continue;
    problems.push(
      `TrafficPolicies may be stored as ${lost.join(', ')}, which ${options.imageTag} does not know: write each of them again, then take that version out of the status of ${next.metadata.name}`,
    );
  }
  return problems;
}
