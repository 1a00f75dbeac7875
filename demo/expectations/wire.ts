/** What an eavesdropper on the pods' interfaces gets: TLS, and no text of a request. */
import { join } from 'node:path';
import { allOf, type Expectation } from '../expectation.js';
import { flowsWith, isTls, startCapture, tlsBytes, type Capture, type Mesh } from '../rig/index.js';

const watched = ['b/reviews-v1', 'c/ledger'] as const;

/** Captures that run during the whole demo. */
export interface WireTap {
  /** The expectation about what was captured; its check ends the captures. */
  readonly expectation: Expectation;
  /** Ends the captures, also after the check or without it. */
  stop(): Promise<void>;
}

/** Starts the captures on the watched pods' `eth0`, and on `lo` of the first as the cross-check. */
export async function tapWire(mesh: Mesh): Promise<WireTap> {
  const start = (key: string, device: 'eth0' | 'lo'): Promise<Capture> =>
    startCapture({
      netns: mesh.pod(key).netns,
      device,
      file: join(mesh.runDirectory, `capture-${key.replace('/', '-')}-${device}`),
    });
  const wires = await Promise.all(
    watched.map(async (key) => ({ key, capture: await start(key, 'eth0') })),
  );
  const loopback = await start(watched[0], 'lo');
  return {
    stop: async () => {
      await Promise.all([...wires.map(({ capture }) => capture), loopback].map((c) => c.stop()));
    },
    expectation: {
      name: 'a capture of the pods’ interfaces shows TLS, and no text of any request',
      check: async ({ marker }) => {
        const inside = flowsWith(await loopback.stop(), marker).length;
        const seen = await Promise.all(
          wires.map(async ({ key, capture }) => ({ key, flows: await capture.stop() })),
        );
        return allOf([
          ...seen.flatMap(({ key, flows }): [string, boolean][] => {
            const { ip } = mesh.pod(key).manifest;
            const toPod = flows.filter(({ destination }) => destination === ip);
            const leaks = flowsWith(flows, marker).length;
            return [
              [
                `${key}: ${tlsBytes(toPod)} bytes of TLS in ${toPod.filter(isTls).length} flows`,
                tlsBytes(toPod) > 1_000,
              ],
              [`${key}: ${leaks} flows with a request’s text`, leaks === 0],
            ];
          }),
          [`the same search finds it in ${inside} flows between sidecar and app`, inside > 0],
        ]);
      },
    },
  };
}
