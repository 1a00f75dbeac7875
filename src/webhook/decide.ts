/** Which pods get a sidecar, which are left alone, and which are refused. */
import { proxyGid, proxyUid } from '../sidecar/index.js';
import { mapAt, mapsOf, ownValue, textOf, type JsonMap } from './json.js';
import { annotations, injectedNames, injectLabel, settingsMark } from './settings.js';
import type { InjectionSettings } from './settings.js';

/** What happens to a pod. */
export type Decision =
  | { readonly kind: 'inject' }
  /** Left as it is; `reason` is for people. */
  | { readonly kind: 'skip'; readonly reason: string }
  /** Not admitted: with a sidecar it would not work, without one it would not be in the mesh. */
  | { readonly kind: 'refuse'; readonly reason: string };

/** What a decision is made from. */
export interface DecisionInput {
  readonly pod: JsonMap;
  /** The namespace that the pod is created in. */
  readonly namespace: string;
  /** Undefined where the API server chose the namespace by its label before it asked. */
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  readonly settings: InjectionSettings;
}

/** Pods that the cluster itself cannot do without. */
const systemNamespaces: readonly string[] = ['kube-system', 'kube-public', 'kube-node-lease'];

/** Decides; the first reason found counts. */
export function decide(input: DecisionInput): Decision {
  const reason = whyLeftAlone(input);
  if (reason !== undefined) return { kind: 'skip', reason };
  const clash = findClash(input.pod);
  return clash === undefined ? { kind: 'inject' } : { kind: 'refuse', reason: clash };
}

function whyLeftAlone({
  pod,
  namespace,
  namespaceLabels,
  settings,
}: DecisionInput): string | undefined {
  if (namespace === settings.rootNamespace) return 'it is in the namespace of the control plane';
  if (systemNamespaces.includes(namespace)) return `it is in ${namespace}`;
  if (namespaceLabels !== undefined && namespaceLabels[injectLabel] !== 'enabled') {
    return `its namespace has no label ${injectLabel}: enabled`;
  }
  const spec = mapAt(pod, 'spec');
  if (textOf(mapAt(pod, 'metadata', 'labels'), injectLabel) === 'disabled') {
    return `it has the label ${injectLabel}: disabled`;
  }
  if (ownValue(spec, 'hostNetwork') === true) return 'it uses the network of its node';
  if (textOf(mapAt(spec, 'os'), 'name') === 'windows') return 'it runs on Windows';
  return whyInjected(pod, settings);
}

/** A pod with our own mark is seen again when other webhooks changed it: it is completed, not left. */
function whyInjected(pod: JsonMap, settings: InjectionSettings): string | undefined {
  const spec = mapAt(pod, 'spec');
  const all = [...mapsOf(spec['initContainers']), ...mapsOf(spec['containers'])];
  if (!all.some((container) => textOf(container, 'name') === injectedNames.proxy)) return undefined;
  const mark = textOf(mapAt(pod, 'metadata', 'annotations'), annotations.injection);
  if (mark === settingsMark(settings)) return undefined;
  return `it has a container named ${injectedNames.proxy} already`;
}

const idFields = { runAsUser: proxyUid, runAsGroup: proxyGid } as const;

function findClash(pod: JsonMap): string | undefined {
  const spec = mapAt(pod, 'spec');
  const ours: readonly string[] = [
    injectedNames.redirect,
    injectedNames.identity,
    injectedNames.proxy,
  ];
  for (const field of ['initContainers', 'containers'] as const) {
    for (const [index, container] of mapsOf(spec[field]).entries()) {
      const name = textOf(container, 'name') ?? '';
      if (ours.includes(name)) continue;
      const clash = clashOf(container, spec);
      if (clash === undefined) continue;
      const place = clash.isOwn
        ? `spec.${field}[${index}].securityContext`
        : 'spec.securityContext';
      return `container ${JSON.stringify(name)} has ${place}.${clash.name} ${clash.id}, which is the sidecar's own: its calls would pass by the mesh; choose another id, or label the pod ${injectLabel}: disabled`;
    }
  }
  return undefined;
}

/** The container's own context counts, and where it says nothing, the pod's. */
function clashOf(
  container: JsonMap,
  spec: JsonMap,
): { readonly name: string; readonly id: number; readonly isOwn: boolean } | undefined {
  const own = mapAt(container, 'securityContext');
  const shared = mapAt(spec, 'securityContext');
  for (const [name, id] of Object.entries(idFields)) {
    const value = ownValue(own, name) ?? ownValue(shared, name);
    if (value !== id) continue;
    return { name, id, isOwn: ownValue(own, name) === id };
  }
  return undefined;
}
