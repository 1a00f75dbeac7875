/** Loads greeter.proto for the gRPC server and its clients. */
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** `GreetRequest` of greeter.proto. */
export interface GreetRequest {
  readonly name: string;
}

/** `GreetReply` of greeter.proto. */
export interface GreetReply {
  readonly message: string;
  readonly version: string;
  readonly forwardedClientCert: string;
}

/**
 * The definition of `skerry.demo.Greeter`. The .proto is found beside the demo's sources, both
 * from the source and from the bundle (each two folders below the checkout).
 */
export function greeterService(): ServiceDefinition {
  const file = fileURLToPath(new URL('../../demo/apps/greeter.proto', import.meta.url));
  const root = loadPackageDefinition(loadSync(file, { defaults: true }));
  const service = find(root, ['skerry', 'demo', 'Greeter', 'service']);
  if (!isServiceDefinition(service)) {
    throw new Error('greeter.proto does not define skerry.demo.Greeter');
  }
  return service;
}

function find(root: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (node, key) =>
      (typeof node === 'object' && node !== null) || typeof node === 'function'
        ? Reflect.get(node, key)
        : undefined,
    root,
  );
}

function isServiceDefinition(value: unknown): value is ServiceDefinition {
  return typeof value === 'object' && value !== null && 'Greet' in value;
}
