/** Test support: a sidecar as the control plane sees it, which accepts, refuses or keeps silent as it is told. */
import { generateKeyPairSync } from 'node:crypto';
import { typeUrls } from '../../../envoy/index.js';
import {
  certificateRequest,
  nodeMetadataKeys,
  ownCertificateName,
} from '../../../sidecar/index.js';
import { createDiscoveryClient, type ClientStream } from '../../../xds/testing/grpc-client.js';
import type { ReadResponse } from '../../../xds/testing/resources.js';

/** Where a sidecar connects to, and as whom. */
export interface SidecarOptions {
  /** `host:port`. */
  readonly address: string;
  /** The trust bundle, PEM. */
  readonly roots: string;
  readonly token: string;
  /** `namespace/pod`. */
  readonly nodeId: string;
  /** `1.40.0` by default. */
  readonly envoyVersion?: string;
}

/** A connected sidecar. */
export interface SidecarClient {
  /** From now on it does not answer responses of this type. */
  hold(typeUrl: string): void;
  /** It answers what it has held, and everything that follows. */
  release(): void;
  /** From now on it refuses responses of this type with what it has never accepted, in these words. */
  refuseNew(typeUrl: string, message: string): void;
  /** How many responses it has had. */
  received(): number;
  /** Breaks the connection. */
  close(): void;
}

const { cluster: cds, listener: lds, route: rds, virtualHost: vhds, secret: sds } = typeUrls;
const ecds = typeUrls.extensionConfig;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const csr = certificateRequest(privateKey);

/** Connects, and asks for what Envoy asks for. */
export function connectSidecar(options: SidecarOptions): SidecarClient {
  const client = createDiscoveryClient(options.address, {
    roots: options.roots,
    serverName: 'skerry.skerry-system.svc',
  });
  const stream: ClientStream = client.open({ isDelta: true, token: options.token });
  const held = new Set<string>();
  const waiting: ReadResponse[] = [];
  const routes = new Set<string>();
  const started = new Set<string>();
  const known = new Set<string>();
  let refusal: { readonly typeUrl: string; readonly message: string } | undefined;
  let received = 0;

  const ask = (typeUrl: string, names: readonly string[] = []): void => {
    started.add(typeUrl);
    stream.send({ type_url: typeUrl, resource_names_subscribe: names });
  };
  const follow = ({ typeUrl, resources }: ReadResponse): void => {
    if (typeUrl === cds && !started.has(lds)) ask(lds);
    if (typeUrl !== lds) return;
    const names = resources.flatMap((one) => one.routes).filter((name) => !routes.has(name));
    for (const name of names) routes.add(name);
    if (names.length > 0) ask(rds, names);
    if (!started.has(vhds)) ask(vhds);
    const extensions = [...new Set(resources.flatMap((one) => one.extensions))];
    if (extensions.length > 0 && !started.has(ecds)) ask(ecds, extensions);
  };
  const answer = (response: ReadResponse): void => {
    const { typeUrl, nonce, resources } = response;
    const isNew = resources.some(({ version }) => !known.has(version));
    if (isNew && refusal?.typeUrl === typeUrl) {
      const { message } = refusal;
      const said = { error_detail: { code: 3, message } };
      stream.send({ type_url: typeUrl, response_nonce: nonce, ...said });
      return;
    }
    for (const { version } of resources) known.add(version);
    follow(response);
    stream.ack(response);
  };
  const run = async (): Promise<void> => {
    for (;;) {
      const response = await stream.next();
      received += 1;
      if (held.has(response.typeUrl)) waiting.push(response);
      else answer(response);
    }
  };
  const metadata = { [nodeMetadataKeys.csr]: csr, [nodeMetadataKeys.keyFile]: '/key.pem' };
  const [major_number, minor_number, patch] = (options.envoyVersion ?? '1.40.0')
    .split('.')
    .map(Number);
  const version = { version: { major_number, minor_number, patch } };
  const node = { id: options.nodeId, metadata, user_agent_build_version: version };
  stream.send({ node, type_url: cds });
  ask(sds, [ownCertificateName]);
  // It ends with the stream.
  run().catch(() => undefined);
  return {
    hold: (typeUrl) => void held.add(typeUrl),
    release: () => {
      held.clear();
      for (const response of waiting.splice(0)) answer(response);
    },
    refuseNew: (typeUrl, message) => {
      refusal = { typeUrl, message };
    },
    received: () => received,
    close: () => {
      stream.close();
      client.close();
    },
  };
}
