/** Our entry in a configuration of the node's network: put in and taken out, all else kept. Pure. */
import { fail, ok, type Result } from '../lib/index.js';
import {
  annotationsCapability,
  isObject,
  parseObjectText,
  pluginType,
  supportedVersions,
  type JsonObject,
} from './protocol.js';

/** What stands in a list of plugins. */
const entry = { type: pluginType, capabilities: { [annotationsCapability]: true } } as const;

/** Member of a list that was made around the one plugin of a file; its value is that file's name. */
const wrapsMember = 'skerry.dev/wraps';

/** A configuration as read. */
export interface NetworkList {
  readonly value: JsonObject;
  readonly plugins: readonly JsonObject[];
}

/** Reads a `.conflist`; the error says what is wrong with it, in one line. */
export function parseList(text: string): Result<NetworkList, string> {
  const parsed = parseObjectText(text);
  if (!parsed.ok) return parsed;
  const { plugins } = parsed.value;
  if (!Array.isArray(plugins)) return fail('expected plugins to be a list');
  const items: readonly unknown[] = plugins;
  if (!items.every(isPlugin)) return fail('expected each of plugins to be an object with a type');
  return ok({ value: parsed.value, plugins: items });
}

function isPlugin(value: unknown): value is JsonObject {
  return isObject(value) && typeof value['type'] === 'string';
}

/** True of our own entry, in whatever form. */
export function isOurs(plugin: JsonObject): boolean {
  return plugin['type'] === pluginType;
}

/** Versions of the protocol that a configuration may be run in. */
function versionsOf({ cniVersion, cniVersions }: JsonObject): readonly unknown[] {
  const more: readonly unknown[] = Array.isArray(cniVersions) ? cniVersions : [];
  return cniVersion === undefined ? more : [cniVersion, ...more];
}

function versionProblem(value: JsonObject): string | undefined {
  const versions = versionsOf(value);
  if (supportedVersions.some((version) => versions.includes(version))) return undefined;
  const found = versions.length === 0 ? 'none' : versions.join(', ');
  return `expected a cniVersion that can chain (${supportedVersions.join(', ')}), found ${found}`;
}

function spell(value: JsonObject): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/**
 * The text of a `.conflist` with our entry, exactly once: where it stands, if it is as it should be,
 * else at the end; the same text where nothing is to be done.
 */
export function chainList(text: string): Result<string, string> {
  const list = parseList(text);
  if (!list.ok) return list;
  const { value, plugins } = list.value;
  const problem = versionProblem(value);
  if (problem !== undefined) return fail(problem);
  const others = plugins.filter((plugin) => !isOurs(plugin));
  if (others.length === 0) return fail('expected a plugin that sets up the pods’ network');
  const ours = plugins.filter(isOurs);
  if (ours.length === 1 && JSON.stringify(ours[0]) === JSON.stringify(entry)) return ok(text);
  return ok(spell({ ...value, plugins: [...others, entry] }));
}

/** The text of a `.conflist` without our entry; the same text where there is none. */
export function unchainList(text: string): Result<string, string> {
  const list = parseList(text);
  if (!list.ok) return list;
  const { value, plugins } = list.value;
  if (!plugins.some(isOurs)) return ok(text);
  return ok(spell({ ...value, plugins: plugins.filter((plugin) => !isOurs(plugin)) }));
}

/** The text of a list of the one plugin that a `.conf` or `.json` configures, and of ours. */
export function wrapConf(text: string, fileName: string): Result<string, string> {
  const parsed = parseObjectText(text);
  if (!parsed.ok) return parsed;
  const { value } = parsed;
  if (!isPlugin(value)) return fail('expected an object with a type');
  const { cniVersion, name } = value;
  if (typeof name !== 'string') return fail('expected a name');
  const problem = versionProblem(value);
  if (problem !== undefined) return fail(problem);
  return ok(spell({ cniVersion, name, [wrapsMember]: fileName, plugins: [value, entry] }));
}

/** The text of a list that was made around a file, now that the file says `confText`; what others have added stays. */
export function chainWrapped(text: string, confText: string): Result<string, string> {
  const list = parseList(text);
  if (!list.ok) return list;
  const conf = parseObjectText(confText);
  if (!conf.ok) return conf;
  const [wrapped, ...others] = list.value.plugins;
  if (JSON.stringify(wrapped) === JSON.stringify(conf.value)) return chainList(text);
  const { cniVersion, name } = conf.value;
  const renewed = { ...list.value.value, cniVersion, name, plugins: [conf.value, ...others] };
  return chainList(spell(renewed));
}

/** The file that a list was made around, and that file's text; undefined of any other text. */
export function wrappedBy(
  text: string,
): { readonly fileName: string; readonly text: string } | undefined {
  const list = parseList(text);
  if (!list.ok) return undefined;
  const fileName = list.value.value[wrapsMember];
  const [wrapped] = list.value.plugins;
  const isName = typeof fileName === 'string' && /^[^/]+\.(conf|json)$/.test(fileName);
  return isName && wrapped !== undefined ? { fileName, text: spell(wrapped) } : undefined;
}
