/** Test support: meshes and streams that are closed after the test that opened them. */
import { createDiscoveryClient, type ClientStream } from './grpc-client.js';
import { startMesh, type TestMesh } from './mesh.js';

/** How a stream is opened; left out: delta, with the token of `a`, over plaintext. */
export interface StreamOptions {
  readonly isDelta?: boolean;
  readonly token?: string;
  /** The PEM certificates that its client trusts. */
  readonly roots?: string;
}

/** What the tests of a file open. */
export interface Openings {
  readonly mesh: (options?: Parameters<typeof startMesh>[0]) => Promise<TestMesh>;
  /** A stream on a connection of its own. */
  readonly connect: (mesh: Pick<TestMesh, 'address'>, options?: StreamOptions) => ClientStream;
  /** One more thing to do after the test. */
  readonly atEnd: (step: () => unknown) => void;
  /** Closes it all, the last first; to be called after each test. */
  readonly closeAll: () => Promise<void>;
}

/** Nothing is open yet. */
export function createOpenings(): Openings {
  const steps: (() => unknown)[] = [];
  const atEnd = (step: () => unknown): void => void steps.push(step);
  return {
    mesh: async (options = {}) => {
      const started = await startMesh(options);
      atEnd(() => started.stop());
      return started;
    },
    connect: ({ address }, { isDelta = true, token = 'token:a', roots } = {}) => {
      const client = createDiscoveryClient(address, roots === undefined ? {} : { roots });
      atEnd(() => {
        client.close();
      });
      const stream = client.open({ isDelta, token });
      atEnd(() => {
        stream.close();
      });
      return stream;
    },
    atEnd,
    closeAll: async () => {
      for (const step of steps.splice(0).reverse()) await step();
    },
  };
}
