/** Reads which pods of a node have which network, from what libcni leaves on disk for their removal. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { redirectionAnnotation } from '../sidecar/index.js';
import { isOurs, parseList } from './conflist.js';
import { isAbsent } from './files.js';
import { annotationsCapability, isObject, parseObjectText, type JsonObject } from './protocol.js';

/** One pod on one network. */
export interface Attachment {
  /** `namespace/name`; empty where the runtime did not say. */
  readonly pod: string;
  /** Whether our plugin was in the chain when the pod's network was set up. */
  readonly wasChained: boolean;
  /** The pod's redirection, as the annotation says it. */
  readonly redirection: string | undefined;
  /** Name of the network namespace's file; undefined where nobody has written it down. */
  readonly netns: string | undefined;
  /** The pod's addresses, without the length of their prefixes. */
  readonly addresses: readonly string[];
}

/**
 * Reads one file of libcni's cache; undefined where it has gone or is none. The form is that of
 * `cniCacheV1` (https://github.com/containernetworking/cni, libcni/api.go), the same since 0.8;
 * only `netns` came later.
 */
export async function readAttachment(
  folder: string,
  name: string,
): Promise<Attachment | undefined> {
  try {
    return parseAttachment(await readFile(join(folder, name), 'utf8'));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** The same from the file's text. */
export function parseAttachment(text: string): Attachment | undefined {
  const parsed = parseObjectText(text);
  if (!parsed.ok || parsed.value['kind'] !== 'cniCacheV1') return undefined;
  const { config, ifName, netns, cniArgs, capabilityArgs, result } = parsed.value;
  if (typeof config !== 'string') return undefined;
  const list = parseList(Buffer.from(config, 'base64').toString('utf8'));
  const given = objectAt(isObject(capabilityArgs) ? capabilityArgs : {}, annotationsCapability);
  const annotation = given[redirectionAnnotation];
  const found = isObject(result) ? result : {};
  const sandboxes = [netns, ...objectsAt(found, 'interfaces').map(({ sandbox }) => sandbox)];
  const path = sandboxes.find((value) => typeof value === 'string' && value !== '');
  return {
    pod: podName(cniArgs),
    wasChained: list.ok && list.value.plugins.some(isOurs),
    // Of the loopback, which is a network to libcni, nobody chains anything.
    redirection: ifName !== 'lo' && typeof annotation === 'string' ? annotation : undefined,
    netns: typeof path === 'string' ? basename(path) : undefined,
    addresses: objectsAt(found, 'ips').flatMap(({ address }) =>
      typeof address === 'string' ? [address.split('/')[0] ?? ''] : [],
    ),
  };
}

function objectAt(value: JsonObject, name: string): JsonObject {
  const found = value[name];
  return isObject(found) ? found : {};
}

function objectsAt(value: JsonObject, name: string): readonly JsonObject[] {
  const found = value[name];
  const items: readonly unknown[] = Array.isArray(found) ? found : [];
  return items.filter(isObject);
}

/** From pairs such as `["K8S_POD_NAME", "cart-1"]`. */
function podName(cniArgs: unknown): string {
  const pairs: readonly unknown[] = Array.isArray(cniArgs) ? cniArgs : [];
  const valueOf = (name: string): string | undefined => {
    const pair = pairs.find((each) => Array.isArray(each) && each[0] === name);
    const value: unknown = Array.isArray(pair) ? pair[1] : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  const [namespace, name] = [valueOf('K8S_POD_NAMESPACE'), valueOf('K8S_POD_NAME')];
  return namespace === undefined || name === undefined ? '' : `${namespace}/${name}`;
}
