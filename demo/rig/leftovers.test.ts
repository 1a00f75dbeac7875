/** Tests of whose a network namespace is. */
import { expect, test } from '@jest/globals';
import { networkPrefix, ownerOf } from './leftovers.js';

test('a namespace of the rig names the process that owns it', () => {
  expect(ownerOf(`${networkPrefix(4711, 2)}b-reviews-v1`)).toBe(4711);
});

test.each(['sk-vpn', 'cni-1234', 'sk12-x', 'mysk12x1-net'])('%s is nobody’s of the rig', (name) => {
  expect(ownerOf(name)).toBeUndefined();
});
