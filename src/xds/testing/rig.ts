/** Test support: one stream over a cache, with time that stands still until it is moved. */
import type { DeltaDiscoveryRequest, DiscoveryRequest } from '../../envoy/index.js';
import { createResourceCache, type ResourceCache } from '../cache.js';
import type { ResourceChange, XdsResource } from '../resource.js';
import { sidecarRules, type ProtocolRules } from '../rules.js';
import { createStreamState, type StreamState } from '../stream-state.js';
import type { Rejection } from '../type-state.js';
import { meshScope, readResponse, type ReadResponse } from './resources.js';

/** A delta request of which most is left out. */
export interface DeltaWish {
  readonly subscribe?: readonly string[];
  readonly unsubscribe?: readonly string[];
  readonly initial?: Readonly<Record<string, string>>;
  readonly nonce?: string;
  readonly error?: string;
}

/** A stream and its surroundings. */
export interface Rig {
  readonly cache: ResourceCache;
  readonly state: StreamState;
  readonly demands: string[];
  readonly acked: XdsResource[];
  readonly nacks: Rejection[];
  now: number;
  /** Applies changes as the next generation. */
  turn(changes: readonly ResourceChange[]): void;
  delta(typeUrl: string, wish?: DeltaWish): void;
  sotw(
    typeUrl: string,
    names?: readonly string[],
    answer?: { nonce: string; error?: string },
  ): void;
  /** What is sent now, as the client reads it. */
  pump(): readonly ReadResponse[];
  ack(response: ReadResponse, names?: readonly string[]): void;
  nack(response: ReadResponse, error: string, names?: readonly string[]): void;
  /** Pumps and acknowledges until nothing more comes; all that was sent. */
  settle(): readonly ReadResponse[];
}

/** The rules used in tests. */
export const testRules: ProtocolRules = sidecarRules({ vhdsEmptyAnswer: ['http/_'] });

/** A stream that has asked for nothing yet. */
export function createRig(options: {
  readonly isDelta: boolean;
  readonly cache?: ResourceCache;
  readonly rules?: ProtocolRules;
  readonly scopes?: readonly string[];
  readonly now?: number;
}): Rig {
  const { isDelta, cache = createResourceCache() } = options;
  const time = { now: options.now ?? 1_000_000 };
  const demands: string[] = [];
  const acked: XdsResource[] = [];
  const nacks: Rejection[] = [];
  const named = new Map<string, readonly string[]>();
  const state = createStreamState({
    isDelta,
    rules: options.rules ?? testRules,
    open: (listener) => cache.open(options.scopes ?? [meshScope], listener),
    onDirty: () => undefined,
    now: () => time.now,
    events: {
      onDemand: (_typeUrl, name, isWanted) => demands.push(`${isWanted ? '+' : '-'}${name}`),
      onAck: (_typeUrl, { resources }) => acked.push(...resources),
      onNack: (_typeUrl, rejection) => nacks.push(rejection),
      onNamesRefused: (_typeUrl, count) => demands.push(`!${count}`),
    },
  });
  const answer = (response: ReadResponse, error?: string): void => {
    const { typeUrl, nonce } = response;
    const said = error === undefined ? { nonce } : { nonce, error };
    if (isDelta) rig.delta(typeUrl, said);
    else rig.sotw(typeUrl, named.get(typeUrl) ?? [], said);
  };
  const rig: Rig = {
    cache,
    state,
    demands,
    acked,
    nacks,
    get now() {
      return time.now;
    },
    set now(next) {
      time.now = next;
    },
    turn: (changes) => {
      cache.apply(cache.generation() + 1, changes);
    },
    delta: (typeUrl, wish = {}) => {
      state.receiveDelta(deltaRequest(typeUrl, wish));
    },
    sotw: (typeUrl, names = [], said = { nonce: '' }) => {
      named.set(typeUrl, names);
      state.receiveSotw(sotwRequest(typeUrl, names, said));
    },
    pump: () => state.pump().map(({ bytes }) => readResponse(bytes, isDelta)),
    ack: (response, names) => {
      if (names !== undefined) named.set(response.typeUrl, names);
      answer(response);
    },
    nack: (response, error, names) => {
      if (names !== undefined) named.set(response.typeUrl, names);
      answer(response, error);
    },
    settle: () => {
      const all: ReadResponse[] = [];
      for (;;) {
        const sent = rig.pump();
        if (sent.length === 0) return all;
        all.push(...sent);
        for (const response of sent) rig.ack(response);
      }
    },
  };
  return rig;
}

/** A delta request as it is after decoding. */
export function deltaRequest(typeUrl: string, wish: DeltaWish): DeltaDiscoveryRequest {
  return {
    node: undefined,
    type_url: typeUrl,
    resource_names_subscribe: wish.subscribe ?? [],
    resource_names_unsubscribe: wish.unsubscribe ?? [],
    initial_resource_versions: new Map(Object.entries(wish.initial ?? {})),
    response_nonce: wish.nonce ?? '',
    error_detail: wish.error === undefined ? undefined : { code: 3, message: wish.error },
  };
}

/** A state-of-the-world request as it is after decoding. */
export function sotwRequest(
  typeUrl: string,
  names: readonly string[],
  said: { readonly nonce: string; readonly error?: string },
): DiscoveryRequest {
  return {
    node: undefined,
    type_url: typeUrl,
    resource_names: names,
    version_info: '',
    response_nonce: said.nonce,
    error_detail: said.error === undefined ? undefined : { code: 3, message: said.error },
  };
}

/** What a response brings, in one word each: `+name=text`, `-name`, `?name` for a bare alias. */
export function words(responses: readonly ReadResponse[]): readonly string[] {
  return responses.flatMap(({ resources, removed }) => [
    ...resources.map(({ name, text }) => (text === undefined ? `?${name}` : `+${name}=${text}`)),
    ...removed.map((name) => `-${name}`),
  ]);
}
