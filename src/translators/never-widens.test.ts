/** Laws of the compiler over random policies, whole and broken: it never throws and never admits what they do not. */
import { expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { isAdmitted, type Policy } from './testing/admission/admission-model.js';
import {
  createCompiler,
  openMesh,
  take,
  toText,
  versionsOf,
  type Compiled,
} from './testing/admission/compile-admission.js';
import { calls as someCalls, type RandomCall } from './testing/admission/random-arrivals.js';
import {
  breakPolicy,
  faultCount,
  guardrail,
  hasReadableTargets,
  ownNamespaces,
  policies,
  rule,
  toManifest,
  toSpec,
  type Written,
} from './testing/admission/random-policies.js';
import { rootNamespace, servers } from './testing/admission/small-mesh.js';

/** SKERRY_RUNS=2000 for a long look; SKERRY_SEED repeats what failed. */
const numRuns = Number(process.env['SKERRY_RUNS'] ?? 12);
const given = process.env['SKERRY_SEED'];
/** What is always tried, and what nobody has tried before. fast-check prints the seed of what fails. */
const seeds = given === undefined ? [39, Date.now() % 1_000_000_007] : [Number(given)];

const isLong = given !== undefined || process.env['SKERRY_RUNS'] !== undefined;
/** What a loaded machine does not manage is tried another time. */
const interruptAfterTimeLimit = isLong ? 1_800_000 : 40_000;
/** Of one law with both seeds. */
const limitMs = 2 * interruptAfterTimeLimit + 10_000;

jest.setTimeout(limitMs);

/** Holds for every seed. */
function holds<Ts extends [unknown, ...unknown[]]>(property: fc.IProperty<Ts>, share = 1): void {
  const runs = Math.ceil(numRuns * share);
  for (const seed of seeds) fc.assert(property, { numRuns: runs, seed, interruptAfterTimeLimit });
}

// Which call fails is said; what matters is what the policies come down to.
const calls = fc.noShrink(someCalls);
const compilePolicies = createCompiler();
const compile = (written: readonly Written[]): Compiled => compilePolicies(written.map(toManifest));

/** Calls that the second admits and the first refuses. */
function widened(
  before: Compiled,
  after: Compiled,
  tried: readonly RandomCall[],
): readonly unknown[] {
  return tried.flatMap((call) => {
    const [was, is] = [before.judge(call), after.judge(call)];
    if (was.isAdmitted || !is.isAdmitted) return [];
    // Where mutual TLS is not ended the caller was nobody; now it has shown who it is.
    if (call.arrival.tls !== undefined && !before.endsTls(call)) return [];
    return [{ call, was, is }];
  });
}

test('sidecars admit what the algebra of policies admits, and nothing else', () => {
  const seen = { admitted: 0, refused: 0 };
  holds(
    fc.property(policies, calls, (written, tried) => {
      const { judge } = compile(written);
      for (const call of tried) {
        const { isAdmitted: found, why } = judge(call);
        const meant = isAdmitted(
          written.map(({ policy }) => policy),
          call.server,
          call.arrival,
        );
        seen[meant ? 'admitted' : 'refused'] += 1;
        expect({ found, why, call }).toEqual({ found: meant, why, call });
      }
    }),
    5,
  );
  // Otherwise it would show little.
  const all = seen.admitted + seen.refused;
  expect(seen.admitted).toBeGreaterThan(all * 0.1);
  expect(seen.refused).toBeGreaterThan(all * 0.1);
});

test('a deny rule more admits nobody more', () => {
  holds(
    fc.property(policies, rule, fc.nat(), calls, (written, more, place, tried) => {
      const index = place % written.length;
      const changed = written.map((each, at) => {
        if (at !== index || each.policy.refused !== undefined) return each;
        const { authorization = {}, ...inbound } = each.policy.inbound ?? {};
        const deny = [...(authorization.deny ?? []), more];
        const policy = {
          ...each.policy,
          inbound: { ...inbound, authorization: { ...authorization, deny } },
        };
        return { policy, spec: toSpec(policy) };
      });
      expect(widened(compile(written), compile(changed), tried)).toEqual([]);
    }),
  );
});

test('an allow rule less admits nobody more', () => {
  holds(
    fc.property(policies, fc.nat(), calls, (written, place, tried) => {
      const changed = written.map((each) => {
        const { authorization, ...inbound } = each.policy.inbound ?? {};
        const { allow = [] } = authorization ?? {};
        if (allow.length === 0 || each.policy.refused !== undefined) return each;
        const left = allow.filter((_, at) => at !== place % allow.length);
        const policy = {
          ...each.policy,
          inbound: { ...inbound, authorization: { ...authorization, allow: left } },
        };
        return { policy, spec: toSpec(policy) };
      });
      expect(widened(compile(written), compile(changed), tried)).toEqual([]);
    }),
  );
});

test('a guardrail more admits nobody more', () => {
  holds(
    fc.property(policies, guardrail, calls, (written, more, tried) => {
      expect(widened(compile(written), compile([...written, more]), tried)).toEqual([]);
    }),
  );
});

test('a guardrail that demands tokens opens no TCP port that a workload’s own demand has closed', () => {
  const [own, guard] = [
    {
      ...{ namespace: 'red', name: 'own', age: 1, inbound: { jwt: { required: true } } },
      targets: [{ kind: 'Pod', selector: { matchLabels: { app: 'raw' } } }],
    },
    {
      ...{ namespace: rootNamespace, name: 'guard', age: 0, inbound: { jwt: { required: true } } },
      targets: [{ kind: 'Namespace', selector: { matchLabels: { env: 'prod' } } }],
    },
  ].map((policy) => ({ policy: policy as Policy, spec: toSpec(policy as Policy) }));
  const raw = servers.find(({ name }) => name === 'raw');
  if (own === undefined || guard === undefined || raw === undefined) throw new Error('no such');
  const call = { server: raw, arrival: { port: 7000, peerIp: '127.66.1.1' } };
  const verdicts = [[guard], [own], [own, guard]].map((set) => compile(set).judge(call).isAdmitted);
  expect(verdicts).toEqual([true, false, false]);
});

test('a policy that breaks admits nobody whom it refused whole', () => {
  holds(
    fc.property(
      policies,
      fc.nat(),
      fc.nat({ max: faultCount - 1 }),
      calls,
      (written, place, way, tried) => {
        const index = place % written.length;
        const intact = written[index];
        if (intact === undefined || intact.policy.refused !== undefined) return;
        // What only counts calls fails open.
        if (intact.policy.inbound?.rateLimit !== undefined) return;
        const broken = breakPolicy(intact, way);
        // Nobody knows whom it was about: its namespace is closed, and here that is nobody's.
        if (intact.policy.namespace === rootNamespace && !hasReadableTargets(broken)) return;
        const changed = written.map((each, at) => (at === index ? broken : each));
        expect(widened(compile(written), compile(changed), tried)).toEqual([]);
      },
    ),
  );
});

test('what one namespace writes, whole or broken, changes no verdict in another', () => {
  holds(
    fc.property(policies, fc.constantFrom(...ownNamespaces), calls, (written, own, tried) => {
      const others = written.filter(({ policy }) => policy.namespace !== own);
      const [whole, without] = [compile(written), compile(others)];
      for (const call of tried.filter(({ server }) => server.namespace !== own)) {
        expect(whole.judge(call)).toEqual(without.judge(call));
      }
    }),
  );
});

test('the order of documents does not matter, nor in how many steps they come', () => {
  const shuffled = policies.chain((written) =>
    fc.tuple(
      fc.constant(written),
      fc.shuffledSubarray([...written], { minLength: written.length }),
      fc.nat({ max: written.length }),
      fc.array(fc.nat({ max: faultCount - 1 }), {
        minLength: written.length,
        maxLength: written.length,
      }),
    ),
  );
  holds(
    fc.property(shuffled, ([written, others, cut, ways]) => {
      const [atOnce, otherwise] = [openMesh(), openMesh()];
      take(atOnce, toText(written.map(toManifest)));
      take(otherwise, toText(others.map(toManifest)));
      const expected = versionsOf(atOnce);
      expect(versionsOf(otherwise)).toEqual(expected);
      const inSteps = openMesh();
      // Each in a broken form at first.
      const before = others.map((each, index) => breakPolicy(each, ways[index] ?? 0));
      take(inSteps, toText(before.map(toManifest)));
      take(inSteps, toText(others.slice(0, cut).map(toManifest)));
      take(inSteps, toText(others.slice(cut).map(toManifest)));
      expect(versionsOf(inSteps)).toEqual(expected);
    }),
    0.5,
  );
});

test('a text that ends too early says what its whole objects say', () => {
  holds(
    fc.property(policies, fc.double({ min: 0, max: 1, noNaN: true }), (written, part) => {
      const documents = written.map((each) => toText([toManifest(each)]));
      const text = documents.join('');
      const end = Math.floor(text.length * part);
      const cut = openMesh();
      take(cut, text.slice(0, end));
      let length = 0;
      const whole = documents.filter((each) => {
        length += each.length;
        // Its last character only ends the line.
        return length - 1 <= end;
      });
      const expected = openMesh();
      take(expected, whole.join(''));
      expect(versionsOf(cut)).toEqual(versionsOf(expected));
    }),
  );
});
