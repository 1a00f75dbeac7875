/** The readiness listener under real calls: gRPC probes, with an app that says yes, no, nothing, and dies. */
import { Server as GrpcServer, ServerCredentials, status, type sendUnaryData } from '@grpc/grpc-js';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { createServer as createHttp } from 'node:http';
import { ask, createReadinessRig, path, probeOf, untilStatus } from './testing/readiness-rig.js';

const { startSidecar, listen, atEnd, endAll, remove } = createReadinessRig();
afterEach(endAll);
afterAll(remove);

describe('a gRPC probe', () => {
  const serving = Buffer.from([8, 1]);
  const notServing = Buffer.from([8, 2]);
  const pass = (bytes: Buffer): Buffer => bytes;
  const check = {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  };

  /** Answers for the service `shop.v1` alone; undefined: never. */
  async function startGrpc(
    answer: () => Buffer | undefined,
    port = 0,
  ): Promise<{ port: number; die: () => void }> {
    const server = new GrpcServer();
    server.addService(
      { check },
      {
        check: (call: { request: Buffer }, done: sendUnaryData<Buffer>) => {
          if (!call.request.toString().includes('shop.v1')) {
            done({ code: status.NOT_FOUND, details: 'unknown service' });
            return;
          }
          const value = answer();
          if (value !== undefined) done(null, value);
        },
      },
    );
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(
        `127.0.0.1:${String(port)}`,
        ServerCredentials.createInsecure(),
        (error, own) => {
          if (error === null) resolve(own);
          else reject(error);
        },
      );
    });
    const die = (): void => {
      server.forceShutdown();
    };
    atEnd(die);
    return { port: bound, die };
  }

  test('follows what the service says, and fails when the app has died', async () => {
    let answer: Buffer | undefined = serving;
    const app = await startGrpc(() => answer);
    const envoy = await startSidecar([
      probeOf(app.port, { kind: 'grpc', service: 'shop.v1' }),
      probeOf(app.port, { kind: 'grpc', service: 'other' }, 'readinessProbe'),
    ]);
    await untilStatus(envoy, 200);
    expect((await ask(envoy, { path: path.replace('liveness', 'readiness') })).status).toBe(503);
    answer = notServing;
    await untilStatus(envoy, 503);
    answer = serving;
    await untilStatus(envoy, 200);
    answer = undefined;
    await untilStatus(envoy, 503);
    answer = serving;
    await untilStatus(envoy, 200);
    app.die();
    await untilStatus(envoy, 503);
  });

  test('fails where nobody speaks gRPC', async () => {
    const app = await listen(createHttp((_, response) => response.end()));
    const envoy = await startSidecar([probeOf(app.port, { kind: 'grpc', service: '' })]);
    await untilStatus(envoy, 503);
  });
});
