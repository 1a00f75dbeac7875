/** Calls to addresses that the mesh does not know: by egress mode of the caller's namespace. */
import { allOf, say, type DemoContext, type Expectation } from '../expectation.js';
import type { CallResult } from '../rig/index.js';

/** An address of RFC 5737, outside pods and Services; the demo puts a plain server there. */
export const externalIp = '198.51.100.10';
/** The server's port. */
export const externalPort = 8080;

async function call({ mesh, record }: DemoContext, from: string): Promise<CallResult> {
  const agent = await mesh.agent(from);
  const to = `${externalIp}:${externalPort}`;
  return await record({ from, to, protocol: 'http' }, agent.http({ url: `http://${to}/` }));
}

const egressModes: Expectation = {
  name: 'an unknown address is reached from a (AllowAny) and refused at once from c (KnownOnly)',
  check: async (context) => {
    const allowed = await call(context, 'a/frontend');
    const refused = await call(context, 'c/ratings');
    return allOf([
      [`a/frontend: ${say(allowed)}`, allowed.status === 200],
      [`c/ratings: ${say(refused)}`, refused.status !== 200 && refused.ms < 1_000],
    ]);
  },
};

/** In the order shown. */
export const egressExpectations: readonly Expectation[] = [egressModes];
