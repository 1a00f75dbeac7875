/** One sidecar without an Envoy: asks for what an Envoy asks for, accepts everything, keeps names and versions. Mutable state; hot. */
import { typeUrls } from '../../src/envoy/index.js';
import { referencesOf } from './references.js';
import { frameRequest, readResponse, type ReadResource, type ReadResponse } from './wire.js';

/** Where its messages go, and what it tells. */
export interface SidecarOptions {
  /** Encoded Node, of the first request of each stream. */
  readonly node: Uint8Array;
  /** Clusters that its app calls; none: it lives by the wildcard. */
  readonly uses: readonly string[];
  readonly send: (framed: Buffer) => void;
  /** It has everything that it has asked for: the first time, and once after each `resume`. */
  readonly onConfigured: () => void;
  /** Each response that brings something. */
  readonly onResponse: (response: ReadResponse, bytes: Buffer) => void;
}

/** A simulated sidecar; its connection is somebody else's. */
export interface SimulatedSidecar {
  /** Begins a stream with nothing. */
  start(): void;
  /** Begins a stream with what it holds, as an Envoy that has lost its connection; with nothing where it had not got everything. */
  resume(): void;
  take(bytes: Buffer): void;
  /** The names that it holds of a type. */
  namesOf(typeUrl: string): Iterable<string>;
  /** What it still waits for, for messages. */
  waiting(): readonly string[];
}

interface TypeState {
  /** With `*`. */
  readonly subscribed: Set<string>;
  /** Asked for and not answered. */
  readonly waiting: Set<string>;
  readonly held: Map<string, string>;
  /** Something of the type has come. */
  isAnswered: boolean;
}

/** A name that nobody has: its answer says that all before it has been worked through. */
const marker = 'skerry-bench-marker';

/** In this order an Envoy begins: listeners once the clusters are warm, calls of its app once these are there. */
type Stage = 'clusters' | 'listeners' | 'calls' | 'configured';

/** A sidecar that has not begun. */
export function createSimulatedSidecar(options: SidecarOptions): SimulatedSidecar {
  const types = new Map<string, TypeState>();
  let stage: Stage = 'clusters';
  let waitingCount = 0;
  let hasSpoken = false;
  let isResuming = false;

  const typeOf = (typeUrl: string): TypeState => {
    const found = types.get(typeUrl);
    if (found !== undefined) return found;
    const made: TypeState = {
      subscribed: new Set(),
      waiting: new Set(),
      held: new Map(),
      isAnswered: false,
    };
    types.set(typeUrl, made);
    return made;
  };

  const send = (request: Parameters<typeof frameRequest>[0]): void => {
    options.send(frameRequest(hasSpoken ? request : { ...request, node: options.node }));
    hasSpoken = true;
  };

  const subscribe = (typeUrl: string, names: readonly string[]): void => {
    const type = typeOf(typeUrl);
    const added = names.filter((name) => !type.subscribed.has(name));
    if (added.length === 0) return;
    const distinct = [...new Set(added)];
    for (const name of distinct) {
      type.subscribed.add(name);
      // A server may be ahead of the question: the one that replays answers is.
      if (name === '*' ? type.isAnswered : type.held.has(name)) continue;
      type.waiting.add(name);
      waitingCount += 1;
    }
    send({ typeUrl, subscribe: distinct });
  };

  const answered = (type: TypeState, name: string): void => {
    if (type.waiting.delete(name)) waitingCount -= 1;
  };

  const advance = (): void => {
    while (waitingCount === 0 && stage !== 'configured') {
      switch (stage) {
        case 'clusters':
          stage = 'listeners';
          subscribe(typeUrls.listener, ['*']);
          break;
        case 'listeners':
          stage = 'calls';
          subscribe(typeUrls.cluster, options.uses);
          break;
        case 'calls':
          stage = 'configured';
          options.onConfigured();
          break;
      }
    }
  };

  /** What is asked for because of these resources, by type. */
  const follow = (bytes: Buffer, typeUrl: string, resources: readonly ReadResource[]): void => {
    const wanted = new Map<string, string[]>();
    for (const resource of resources) {
      for (const [type, names] of referencesOf(bytes, typeUrl, resource)) {
        if (names.length === 0) continue;
        const all = wanted.get(type) ?? [];
        wanted.set(type, all);
        all.push(...names);
      }
    }
    for (const [type, names] of wanted) subscribe(type, names);
  };

  const take = (bytes: Buffer): void => {
    const response = readResponse(bytes);
    const { typeUrl, nonce, resources, removed } = response;
    const type = typeOf(typeUrl);
    answered(type, '*');
    type.isAnswered = true;
    for (const { name, version, body } of resources) {
      answered(type, name);
      // Without a body it says only that the name has an answer.
      if (body !== undefined) type.held.set(name, version);
    }
    for (const name of removed) {
      answered(type, name);
      type.held.delete(name);
    }
    options.onResponse(response, bytes);
    send({ typeUrl, nonce });
    follow(bytes, typeUrl, resources);
    if (isResuming && removed.includes(marker)) {
      isResuming = false;
      send({ typeUrl, unsubscribe: [marker] });
      type.subscribed.delete(marker);
      options.onConfigured();
      return;
    }
    if (!isResuming) advance();
  };

  const start = (): void => {
    types.clear();
    waitingCount = 0;
    stage = 'clusters';
    hasSpoken = false;
    isResuming = false;
    subscribe(typeUrls.cluster, ['*']);
  };

  const resume = (): void => {
    if (stage !== 'configured') {
      start();
      return;
    }
    hasSpoken = false;
    isResuming = true;
    // The stream may have ended before the last marker was answered.
    const endpoints = typeOf(typeUrls.endpoint);
    endpoints.subscribed.delete(marker);
    answered(endpoints, marker);
    for (const [typeUrl, { subscribed, held }] of types) {
      send({ typeUrl, subscribe: [...subscribed], initialVersions: held });
    }
    subscribe(typeUrls.endpoint, [marker]);
  };

  return {
    ...{ start, resume, take },
    namesOf: (typeUrl) => types.get(typeUrl)?.held.keys() ?? [],
    waiting: () =>
      [...types].flatMap(([typeUrl, { waiting }]) =>
        [...waiting].map((name) => `${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} ${name}`),
      ),
  };
}
