/** A raw client of the control plane's delta ADS that claims what it is told to. Scenario on stdin, outcome on stdout. */
import { text } from 'node:stream/consumers';
import { Client, Metadata, credentials, status, type ClientDuplexStream } from '@grpc/grpc-js';
import { decodeUnknown, encodeUnknown } from '../../src/envoy/index.js';
import { nodeMetadataKeys } from '../../src/sidecar/index.js';
import type { AdsOutcome, AdsScenario, ReceivedResource } from './ads-contract.js';

const method = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const messages = 'type.googleapis.com/envoy.service.discovery.v3.';
const askAgainMs = 20;

interface Response {
  readonly type_url?: string;
  readonly nonce?: string;
  readonly resources?: readonly { readonly name?: string; readonly resource?: unknown }[];
}

type Stream = ClientDuplexStream<object, Response>;

function request(fields: object): object {
  return fields;
}

const toBytes = (message: object): Buffer =>
  Buffer.from(encodeUnknown(`${messages}DeltaDiscoveryRequest`, message));

const toResponse = (bytes: Buffer): Response =>
  decodeUnknown(`${messages}DeltaDiscoveryResponse`, bytes) as Response;

function open(client: Client, scenario: AdsScenario): Stream {
  const metadata = new Metadata();
  if (scenario.token !== undefined) metadata.set('authorization', `Bearer ${scenario.token}`);
  return client.makeBidiStreamRequest(method, toBytes, toResponse, metadata);
}

function subscribe(stream: Stream, scenario: AdsScenario): void {
  const node = {
    id: scenario.nodeId,
    cluster: 'raw',
    metadata: {
      [nodeMetadataKeys.csr]: scenario.csr,
      [nodeMetadataKeys.keyFile]: scenario.keyFile,
    },
  };
  for (const [index, [typeUrl, names]] of Object.entries(scenario.subscribe).entries()) {
    stream.write(
      request({
        ...(index === 0 ? { node } : {}),
        type_url: typeUrl,
        resource_names_subscribe: names.length === 0 ? ['*'] : names,
      }),
    );
  }
}

function received(response: Response): readonly ReceivedResource[] {
  return (response.resources ?? []).map(({ name = '', resource }) => ({
    typeUrl: response.type_url ?? '',
    name,
    ...(resource === undefined ? {} : { message: resource }),
  }));
}

/** Asks for the same names for ever, which are to be answered each time, and takes no answer. */
function flood(stream: Stream, scenario: AdsScenario): void {
  stream.pause();
  setInterval(() => {
    for (const [typeUrl, names] of Object.entries(scenario.subscribe)) {
      stream.write(request({ type_url: typeUrl, resource_names_subscribe: names }));
    }
  }, askAgainMs).unref();
}

function run(scenario: AdsScenario): Promise<AdsOutcome> {
  const client = new Client(
    scenario.address,
    credentials.createSsl(Buffer.from(scenario.rootBundle)),
    {
      'grpc.ssl_target_name_override': scenario.serverName,
      'grpc.default_authority': scenario.serverName,
      'grpc.max_receive_message_length': -1,
      'grpc.enable_retries': 0,
    },
  );
  const resources: ReceivedResource[] = [];
  return new Promise((resolve) => {
    const stream = open(client, scenario);
    const end = (name: string, details: string): void => {
      clearTimeout(timer);
      client.close();
      resolve({ resources, status: name, details });
    };
    const timer = setTimeout(() => {
      end('open', '');
    }, scenario.waitMs);
    stream.on('error', () => undefined);
    stream.on('status', ({ code, details }) => {
      end(status[code], details);
    });
    if (scenario.neverReads !== true) {
      stream.on('data', (response: Response) => {
        resources.push(...received(response));
        stream.write(
          request({
            ...{ type_url: response.type_url ?? '', response_nonce: response.nonce ?? '' },
            ...(scenario.refuses !== undefined && {
              error_detail: { code: status.INVALID_ARGUMENT, message: scenario.refuses },
            }),
          }),
        );
      });
    }
    subscribe(stream, scenario);
    if (scenario.neverReads === true) flood(stream, scenario);
  });
}

const scenario = JSON.parse(await text(process.stdin)) as AdsScenario;
process.stdout.write(`${JSON.stringify(await run(scenario))}\n`);
// What is still open is of no interest.
process.exit(0);
