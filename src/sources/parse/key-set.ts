/** ConfigMap (core/v1), read where its label says that it has the public keys of an issuer. */
import { keySetKey, keySetLabel, type Diagnostic, type KeySet } from '../../model/index.js';
import { child, descend, readLabels, readMap } from './cursor.js';
import { openObject, type ApiKind } from './header.js';
import { readKeySet } from './jwks.js';
import { isOffered } from './offered.js';

/** The API of ConfigMaps. */
export const configMapApi: ApiKind = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  isNamespaced: true,
};

/** The entry with the key set; where there is only one entry, it may have any name. */
const entry = 'jwks.json';

/** Whether a ConfigMap is offered to sidecars; all others are nobody's business here. */
export function isKeySet(object: unknown): boolean {
  return isOffered(object, keySetLabel);
}

/**
 * Reads a key set. One that cannot be used is a row all the same, without keys: tokens must not be
 * taken by keys that somebody has replaced.
 */
export function parseKeySet(object: unknown): {
  readonly keySet?: KeySet;
  readonly diagnostics: readonly Diagnostic[];
} {
  const opened = openObject(object, configMapApi);
  if (!opened.ok) return { diagnostics: opened.error };
  const { ref, root, findings } = opened.value;
  const data = readMap(child(root, 'data'));
  const texts = data === undefined ? {} : readLabels(data);
  const [only, ...others] = Object.keys(texts);
  const name =
    Object.hasOwn(texts, entry) || only === undefined || others.length > 0 ? entry : only;
  const text = Object.hasOwn(texts, name) ? texts[name] : undefined;
  const { jwks, problems } =
    text === undefined
      ? { jwks: undefined, problems: ['this field is required'] }
      : readKeySet(text);
  for (const message of problems) {
    const { path } = descend(root, 'data', name);
    // Without the value: it may be a private key.
    findings.add({ path, message, severity: jwks === undefined ? 'error' : 'warning' });
  }
  const key = keySetKey(ref.namespace, ref.name);
  return {
    keySet: { kind: 'KeySet', key, ...(jwks === undefined ? {} : { jwks }) },
    diagnostics: findings.list(),
  };
}
