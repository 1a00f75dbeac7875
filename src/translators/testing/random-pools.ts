/** The small pools out of which random meshes are made, so that things meet. */
import fc from 'fast-check';

const namespaces = ['a', 'a', 'a', 'b', 'b', 'skerry-system'] as const;
const serviceNames = ['s', 't'] as const;

/** One of the values given. */
export const one: typeof fc.constantFrom = fc.constantFrom;
/** The name of a namespace. */
export const namespace: fc.Arbitrary<string> = one(...namespaces);
/** The name of a Service. */
export const serviceName: fc.Arbitrary<string> = one(...serviceNames);
/** Labels of pods and namespaces. */
export const labels: fc.Arbitrary<Record<string, string>> = fc.dictionary(
  one('app', 'version'),
  one('x', 'y'),
  { maxKeys: 2 },
);
/** When an object was created. */
export const age: fc.Arbitrary<number> = fc.nat({ max: 3 });
