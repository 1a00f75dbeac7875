/** Injects the pods of a stream of YAML, and leaves everything else in it as it was written. */
import { parseAllDocuments, type Document } from 'yaml';
import {
  decide,
  injectPod,
  isList,
  isMap,
  isModestJson,
  patchOf,
  type InjectionSettings,
  type Json,
  type JsonMap,
} from '../webhook/index.js';

/** A stream with its pods injected. */
export interface InjectedManifests {
  readonly text: string;
  /** Pods injected. */
  readonly injected: number;
  /** Why pods were left alone, and what users should know; a line each. */
  readonly notes: readonly string[];
  /** Why the stream cannot be injected; the text is then empty. */
  readonly problems: readonly string[];
}

type Path = readonly (string | number)[];

interface Template {
  /** Where the pod, or the template that is one, stands in its document. */
  readonly path: Path;
  readonly pod: JsonMap;
  readonly namespace: string;
  /** `Deployment/cart`. */
  readonly name: string;
}

const templated = [
  ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'ReplicationController', 'Job'],
];

/** Where a kind has its pod; undefined for kinds that make none. */
function podPath(kind: Json | undefined): Path | undefined {
  if (kind === 'Pod') return [];
  if (kind === 'CronJob') return ['spec', 'jobTemplate', 'spec', 'template'];
  return templated.some((each) => each === kind) ? ['spec', 'template'] : undefined;
}

function valueAt(value: Json | undefined, path: Path): Json | undefined {
  return path.reduce<Json | undefined>((at, step) => {
    if (typeof step === 'number') return isList(at) ? at[step] : undefined;
    return isMap(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  }, value);
}

/** The pods of an object, those in the items of a List among them. */
function findTemplates(object: Json | undefined, at: Path = []): readonly Template[] {
  if (!isMap(object)) return [];
  const { kind } = object;
  if (typeof kind === 'string' && kind.endsWith('List') && isList(object['items'])) {
    return object['items'].flatMap((item, index) => findTemplates(item, [...at, 'items', index]));
  }
  const path = podPath(kind);
  const pod = path === undefined ? undefined : valueAt(object, path);
  if (path === undefined || !isMap(pod)) return [];
  const textAt = (...steps: readonly string[]): string => {
    const value = valueAt(object, steps);
    return typeof value === 'string' ? value : '';
  };
  const namespace = textAt('metadata', 'namespace');
  const name = `${textAt('kind')}/${textAt('metadata', 'name')}`;
  return [{ path: [...at, ...path], pod, namespace, name }];
}

interface Progress {
  injected: number;
  readonly notes: string[];
  readonly problems: string[];
}

/** Whether the document was changed. */
function injectTemplate(
  document: Document,
  template: Template,
  settings: InjectionSettings,
  progress: Progress,
): boolean {
  const { pod, namespace, name, path } = template;
  const decision = decide({ pod, namespace, settings });
  if (decision.kind === 'skip') progress.notes.push(`${name} is left alone: ${decision.reason}`);
  if (decision.kind === 'refuse') progress.problems.push(`${name}: ${decision.reason}`);
  if (decision.kind !== 'inject') return false;
  const injected = injectPod(pod, settings);
  if (!injected.ok) {
    progress.problems.push(...injected.error.map((problem) => `${name}: ${problem}`));
    return false;
  }
  progress.notes.push(...injected.value.warnings.map((warning) => `${name}: ${warning}`));
  progress.injected += 1;
  const patch = patchOf(pod, injected.value.pod);
  for (const { steps, value } of patch)
    document.setIn(
      [...path, ...steps],
      document.createNode(value, { aliasDuplicateObjects: false }),
    );
  return patch.length > 0;
}

/** One document; its own text where nothing in it changes. */
function injectDocument(text: string, settings: InjectionSettings, progress: Progress): string {
  // A marker's own line, `--- # comment` too, stays with the text that follows it.
  const [document, ...others] = parseAllDocuments(text);
  if (document === undefined) return text;
  if (others.length > 0) {
    progress.problems.push('expected --- between documents');
    return text;
  }
  const error = document.errors[0];
  if (error !== undefined) {
    progress.problems.push(`this is no YAML: ${error.message.split('\n')[0] ?? ''}`);
    return text;
  }
  const object: unknown = document.toJS({ maxAliasCount: 100 });
  if (object !== undefined && !isModestJson(object)) {
    progress.problems.push('expected a document at most 64 levels deep');
    return text;
  }
  const changes = findTemplates(object).map((template) =>
    injectTemplate(document, template, settings, progress),
  );
  if (!changes.includes(true)) return text;
  const start = /^---(?=\s)/.test(text) && !String(document).startsWith('---') ? '---\n' : '';
  return `${start}${document.toString({ lineWidth: 0 })}`;
}

/** Injects every pod of `text`: YAML, of one or more documents, or JSON. Pure. */
export function injectManifests(text: string, settings: InjectionSettings): InjectedManifests {
  const progress: Progress = { injected: 0, notes: [], problems: [] };
  // A marker at the beginning of a line is one wherever it stands (YAML 1.2.2, section 9.1.2).
  const documents = text.split(/^(?=---(?:\s|$))/m);
  const made = documents.map((document) => injectDocument(document, settings, progress));
  const { injected, notes, problems } = progress;
  const whole = made.join('');
  // What begins with a brace kubectl before 1.34 takes for JSON, which it need no longer be.
  const start = whole.trimStart().startsWith('{') && whole !== text ? '---\n' : '';
  return { text: problems.length > 0 ? '' : `${start}${whole}`, injected, notes, problems };
}
