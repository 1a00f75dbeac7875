/** ConfigMaps and Secrets are nobody's business here unless a label of their owner's offers them. */
import { ownField } from './cursor.js';

/** Whether the object carries `label` with the value `true`. */
export function isOffered(object: unknown, label: string): boolean {
  const labels = ownField(ownField(object, 'metadata'), 'labels');
  return ownField(labels, label) === 'true';
}
