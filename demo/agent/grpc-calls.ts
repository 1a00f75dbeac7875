/** gRPC calls of the caller program. */
import { Client, Metadata, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { callerSpiffeId } from '../rig/client-cert-header.js';
import { greeterService, type GreetReply } from '../rig/greeter-contract.js';
import type { AgentRequestOf, CallResult } from '../rig/agent-protocol.js';

/** Makes gRPC calls; calls of one group share one channel. */
export class GrpcCaller {
  readonly #groups = new Map<string, Client>();

  /** Never rejects: what goes wrong stands in `error`. */
  async call(call: AgentRequestOf<'grpc'>): Promise<CallResult> {
    const client = this.#clientOf(call);
    const result = await greet(client, call);
    if (call.group === undefined) client.close();
    return result;
  }

  #clientOf(call: AgentRequestOf<'grpc'>): Client {
    const key = call.group === undefined ? undefined : `${call.group} ${call.target}`;
    const known = key === undefined ? undefined : this.#groups.get(key);
    if (known !== undefined) return known;
    const client = new Client(call.target, credentials.createInsecure(), {
      // Else channels to one target share a connection, whatever their group.
      'grpc.use_local_subchannel_pool': 1,
    });
    if (key !== undefined) this.#groups.set(key, client);
    return client;
  }
}

function greet(client: Client, call: AgentRequestOf<'grpc'>): Promise<CallResult> {
  const method = greeterService()['Greet'];
  if (method === undefined) throw new Error('greeter.proto has no Greet');
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(call.metadata)) metadata.set(name, value);
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const answered = (error: ServiceError | null, reply?: unknown): void => {
      const greeting = readReply(reply);
      resolve({
        status: status[error?.code ?? status.OK],
        version: greeting?.version ?? null,
        body: greeting?.message ?? '',
        headers: {},
        peerSpiffeId: callerSpiffeId(greeting?.forwardedClientCert ?? '') ?? null,
        ms: performance.now() - startedAt,
        error: error === null ? null : error.message,
      });
    };
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      { name: call.name },
      metadata,
      { deadline: Date.now() + call.timeoutMs },
      answered,
    );
  });
}

function readReply(reply: unknown): GreetReply | undefined {
  if (typeof reply !== 'object' || reply === null) return undefined;
  const text = (key: string): string => {
    const value: unknown = Reflect.get(reply, key);
    return typeof value === 'string' ? value : '';
  };
  return {
    message: text('message'),
    version: text('version'),
    forwardedClientCert: text('forwardedClientCert'),
  };
}
