// Messages as YAML for people: the spelling that Envoy itself reads.
import { stringify } from 'yaml';
import type { AnyMessage, AnyTypes } from '../../gen/envoy.js';

/**
 * The message as YAML, keys in the order given, no aliases and no line folding, so that it can be
 * compared line by line and put into a file that Envoy reads.
 */
export function toYaml(message: AnyMessage | AnyTypes[keyof AnyTypes]): string {
  return stringify(message, { aliasDuplicateObjects: false, lineWidth: 0 });
}
