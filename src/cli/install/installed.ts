/** Reads from a Deployment what its installation was told, so that another version keeps it. Pure. */
import { at, listAt, numberAt, textAt } from '../cluster/objects.js';
import type { InstallOptions, Resources } from './options.js';

/** What is known of an installation; what somebody has changed by hand beyond our forms is left out. */
export type InstalledOptions = Partial<InstallOptions>;

/** The variable of that name in a container. */
function variableOf(container: unknown, name: string): string | undefined {
  const variable = listAt(container, 'env').find((one) => textAt(one, 'name') === name);
  // The API server leaves out a value that is empty.
  return variable === undefined ? undefined : (textAt(variable, 'value') ?? '');
}

/** `PREFIX/NAME:TAG` taken apart; undefined where it has another form. */
function partsOf(
  image: string | undefined,
  name: string,
): { readonly registry: string; readonly tag: string } | undefined {
  const [, registry, tag] = new RegExp(`^(.+)/${name}:([^:@/]+)$`).exec(image ?? '') ?? [];
  return registry === undefined || tag === undefined ? undefined : { registry, tag };
}

function choiceOf<T extends string>(
  text: string | undefined,
  choices: readonly T[],
): T | undefined {
  return choices.find((one) => one === text);
}

function quantitiesOf(container: unknown, kind: string): Readonly<Record<string, string>> {
  const found = at(container, 'resources', kind);
  const entries = typeof found === 'object' && found !== null ? Object.entries(found) : [];
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function resourcesOf(container: unknown): Resources {
  return {
    requests: quantitiesOf(container, 'requests'),
    limits: quantitiesOf(container, 'limits'),
  };
}

/** The folders of nodes that a DaemonSet of the CNI plugin was told. */
export function installedFolders(
  daemonSet: unknown,
): Partial<Pick<InstallOptions, 'cniBinDir' | 'cniConfDir'>> {
  const [container] = listAt(daemonSet, 'spec', 'template', 'spec', 'containers');
  const valueOf = (flag: string): string | undefined => {
    const start = `--${flag}=`;
    const args = listAt(container, 'args').map(String);
    return args.find((arg) => arg.startsWith(start))?.slice(start.length);
  };
  const [cniBinDir, cniConfDir] = [valueOf('cni-bin-dir'), valueOf('cni-conf-dir')];
  return {
    ...(cniBinDir !== undefined && { cniBinDir }),
    ...(cniConfDir !== undefined && { cniConfDir }),
  };
}

/** What the installation behind a Deployment of the control plane was told. */
export function installedOptions(deployment: unknown): InstalledOptions {
  const pod = ['spec', 'template', 'spec'] as const;
  const [container] = listAt(deployment, ...pod, 'containers');
  const skerry = partsOf(variableOf(container, 'SKERRY_SKERRY_IMAGE'), 'skerry');
  const replicas = numberAt(deployment, 'spec', 'replicas');
  const trustDomain = variableOf(container, 'SKERRY_TRUST_DOMAIN');
  const meshCidrs = variableOf(container, 'SKERRY_MESH_CIDR');
  const accessLog = choiceOf(variableOf(container, 'SKERRY_ACCESS_LOG'), ['Off', 'Errors', 'All']);
  const redirection = choiceOf(variableOf(container, 'SKERRY_REDIRECTION'), ['init', 'cni']);
  const isHighlyAvailable = listAt(deployment, ...pod, 'topologySpreadConstraints').some(
    (constraint) => textAt(constraint, 'whenUnsatisfiable') === 'DoNotSchedule',
  );
  return {
    isHighlyAvailable,
    resources: resourcesOf(container),
    ...(skerry && { registry: skerry.registry, imageTag: skerry.tag }),
    ...(replicas !== undefined && { replicas }),
    ...(trustDomain !== undefined && { trustDomain }),
    ...(meshCidrs !== undefined && {
      meshCidrs: meshCidrs.split(',').filter((cidr) => cidr !== ''),
    }),
    ...(accessLog && { accessLog }),
    ...(redirection && { redirection }),
  };
}
