/** The injection: a pod and the settings become the pod with its sidecar. Pure, and a fixpoint of itself. */
import { fail, ok, type Result } from '../lib/index.js';
import { spellRedirection } from '../sidecar/index.js';
import { isMap, isList, mapAt, mapsOf, ownValue, textOf, type Json, type JsonMap } from './json.js';
import { addLinger, removeLinger } from './linger.js';
import { readPodOptions, type PodOptions } from './pod-options.js';
import { restoreProbes, rewriteProbes, type RewrittenContainer } from './probes.js';
import { annotations, injectedNames, settingsMark, type InjectionSettings } from './settings.js';
import { injectedContainers, injectedVolumes } from './template.js';

/** A pod with its sidecar. */
export interface InjectedPod {
  readonly pod: JsonMap;
  /** What the user should know, one short line each. */
  readonly warnings: readonly string[];
}

const containerNames: readonly string[] = [
  injectedNames.redirect,
  injectedNames.verify,
  injectedNames.identity,
  injectedNames.proxy,
];
const volumeNames: readonly string[] = [
  injectedNames.sidecarVolume,
  injectedNames.tokenVolume,
  injectedNames.rootVolume,
];

/** What is wrong with the shape of a pod, as far as an injection touches it; empty when nothing is. */
export function checkPodShape(pod: Json | undefined): readonly string[] {
  if (!isMap(pod)) return ['expected a pod, found something else'];
  const spec = ownValue(pod, 'spec');
  if (!isMap(spec)) return ['expected the pod to have a spec'];
  const lists = ['containers', 'initContainers', 'volumes'].flatMap((name) => {
    const list = ownValue(spec, name);
    if (list === undefined || list === null) return [];
    const isFine =
      isList(list) && list.every((item) => isMap(item) && textOf(item, 'name') !== undefined);
    return isFine ? [] : [`expected spec.${name} to be a list of objects with names`];
  });
  const maps = ['annotations', 'labels'].flatMap((name) => {
    const map = ownValue(mapAt(pod, 'metadata'), name);
    const isFine =
      map === undefined ||
      map === null ||
      (isMap(map) && Object.values(map).every((value) => typeof value === 'string'));
    return isFine ? [] : [`expected metadata.${name} to be a map of texts`];
  });
  const isEmpty = mapsOf(ownValue(spec, 'containers')).length === 0;
  return [...lists, ...maps, ...(isEmpty ? ['expected the pod to have containers'] : [])];
}

/**
 * Injects, whether the pod was decided upon or not: see `decide`. A pod that was injected with the
 * same settings is completed: containers that came since get their probes rewritten, and ours stand
 * first again. The error lists what is wrong, for people.
 */
export function injectPod(
  pod: JsonMap,
  settings: InjectionSettings,
): Result<InjectedPod, readonly string[]> {
  const problems = checkPodShape(pod);
  if (problems.length > 0) return fail(problems);
  const clashes = nameClashes(pod, settings);
  if (clashes.length > 0) return fail(clashes);
  const options = readPodOptions(pod, settings);
  if (!options.ok) return options;
  return ok(compose(withoutOurs(pod, settings), settings, options.value));
}

function isMarked(pod: JsonMap, settings: InjectionSettings): boolean {
  const given = mapAt(pod, 'metadata', 'annotations');
  return textOf(given, annotations.injection) === settingsMark(settings);
}

/** What is called like ours and is not, and who would read the sidecar's key. */
function nameClashes(pod: JsonMap, settings: InjectionSettings): readonly string[] {
  const spec = mapAt(pod, 'spec');
  const containers = [...mapsOf(spec['initContainers']), ...mapsOf(spec['containers'])];
  const named = (list: readonly JsonMap[], names: readonly string[], what: string): string[] =>
    list
      .map((each) => textOf(each, 'name') ?? '')
      .filter((name) => names.includes(name))
      .map((name) => `expected no ${what} named ${name}, which is the sidecar's`);
  const taken = isMarked(pod, settings)
    ? []
    : [
        ...named(containers, containerNames, 'container'),
        ...named(mapsOf(spec['volumes']), volumeNames, 'volume'),
      ];
  const readers = containers
    .filter((each) => !containerNames.includes(textOf(each, 'name') ?? ''))
    .flatMap((each) => named(mapsOf(each['volumeMounts']), volumeNames, 'mount of the volume'));
  return [...taken, ...readers];
}

function compose(pod: JsonMap, settings: InjectionSettings, options: PodOptions): InjectedPod {
  const spec = mapAt(pod, 'spec');
  const rewrite = (name: string): readonly RewrittenContainer[] =>
    mapsOf(spec[name]).map((each) => rewriteProbes(each, options.excludeInboundPorts));
  const [init, main] = [rewrite('initContainers'), rewrite('containers')];
  const all = [...init, ...main];
  const metadata = mapAt(pod, 'metadata');
  const injected = {
    ...pod,
    metadata: {
      ...metadata,
      annotations: {
        ...mapAt(metadata, 'annotations'),
        [annotations.injection]: settingsMark(settings),
        ...(settings.redirection === 'cni'
          ? { [annotations.redirection]: spellRedirection({ ...options, ...settings }) }
          : {}),
      },
    },
    spec: {
      ...spec,
      initContainers: [
        ...injectedContainers(settings, options),
        ...init.map(({ container }) => container),
      ],
      containers: main.map(({ container }) => addLinger(container)),
      volumes: [...mapsOf(spec['volumes']), ...injectedVolumes(settings)],
    },
  };
  return {
    pod: injected,
    warnings: [...options.warnings, ...all.flatMap((each) => each.warnings)],
  };
}

/** The pod without what an injection adds; probes are the user's again where our mark vouches for them. */
function withoutOurs(pod: JsonMap, settings: InjectionSettings): JsonMap {
  const metadata = mapAt(pod, 'metadata');
  const given = mapAt(metadata, 'annotations');
  const isOurs = isMarked(pod, settings);
  const ours: readonly string[] = [annotations.injection, annotations.redirection];
  const kept = Object.entries(given).filter(([name]) => !ours.includes(name));
  const spec = mapAt(pod, 'spec');
  const strip = (name: string, names: readonly string[]): readonly JsonMap[] =>
    mapsOf(spec[name]).filter((each) => !names.includes(textOf(each, 'name') ?? ''));
  const restore = (name: string): readonly JsonMap[] =>
    strip(name, containerNames).map((each) => (isOurs ? restoreProbes(removeLinger(each)) : each));
  return {
    ...pod,
    metadata: { ...metadata, annotations: Object.fromEntries(kept) },
    spec: {
      ...spec,
      initContainers: restore('initContainers'),
      containers: restore('containers'),
      volumes: strip('volumes', volumeNames),
    },
  };
}
