/** Test support: a client that keeps resources, refuses bad ones and holds back ACKs as Envoy does. */
import { typeUrls } from '../../envoy/index.js';
import type { ReadResource, ReadResponse } from './resources.js';

/** What a client sends; both protocols in one. */
export interface ModelRequest {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly error?: string;
  /** Delta: what changes. State of the world: left out. */
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initial: Readonly<Record<string, string>>;
  /** State of the world: all names. */
  readonly names: readonly string[];
}

/** A resource as the client has it. */
export interface HeldResource {
  readonly version: string;
  readonly text: string;
  readonly refersTo: readonly string[];
}

/** The client. */
export interface ModelEnvoy {
  readonly held: ReadonlyMap<string, ReadonlyMap<string, HeldResource>>;
  /** References that pointed at nothing, or at a cluster that was not ready yet. */
  readonly dangling: readonly string[];
  /** Starts a stream: what it asks for first, in the order of Envoy. */
  connect(): readonly ModelRequest[];
  /** Takes a response in; what it answers, at once or for earlier responses held back. */
  receive(response: ReadResponse): readonly ModelRequest[];
  /** Gives up waiting for endpoints (15 s after a cluster came). */
  expire(): readonly ModelRequest[];
  /** Asks for one more name of a type. */
  ask(typeUrl: string, name: string): readonly ModelRequest[];
  /** Asks no longer. */
  leave(typeUrl: string, name: string): readonly ModelRequest[];
}

interface TypeView {
  isStarted: boolean;
  readonly isWildcard: boolean;
  readonly names: Set<string>;
  nonce: string;
  /** An empty list no longer means everything. */
  hasNamed: boolean;
}

const { cluster: cds, endpoint: eds, listener: lds, route: rds, virtualHost: vhds } = typeUrls;
const order = [cds, eds, lds, rds, vhds];
/** Types whose response Envoy applies one by one; of the others one bad resource refuses all. */
const singly = new Set<string>([cds, lds]);

/** True for what the client refuses. */
export function isBadText(text: string | undefined): boolean {
  return text?.startsWith('bad') === true;
}

/**
 * A client that is not connected yet. `keepsVersions`: after a reconnect it tells what it holds
 * (delta). `routes`: the route configurations it asks for.
 */
export function createModelEnvoy(options: {
  readonly isDelta: boolean;
  readonly keepsVersions: boolean;
  readonly routes: readonly string[];
}): ModelEnvoy {
  const { isDelta } = options;
  const held = new Map<string, Map<string, HeldResource>>(
    order.map((typeUrl) => [typeUrl, new Map<string, HeldResource>()]),
  );
  const dangling: string[] = [];
  const onDemand = new Set<string>();
  let views = new Map<string, TypeView>();
  // Clusters that wait for their endpoints, and the ACK of the response that brought them.
  let warming = new Set<string>();
  // Clusters that have been ready at least once.
  const usable = new Set<string>();
  let heldBack: ModelRequest | undefined;

  const of = (typeUrl: string): Map<string, HeldResource> =>
    held.get(typeUrl) ?? new Map<string, HeldResource>();

  const view = (typeUrl: string): TypeView => {
    const found = views.get(typeUrl);
    if (found !== undefined) return found;
    const isWildcard = typeUrl === cds || typeUrl === lds || typeUrl === vhds;
    const made = {
      isStarted: false,
      isWildcard,
      names: new Set<string>(),
      nonce: '',
      hasNamed: false,
    };
    views.set(typeUrl, made);
    return made;
  };

  const request = (
    typeUrl: string,
    change: { subscribe?: readonly string[]; unsubscribe?: readonly string[]; error?: string } = {},
  ): ModelRequest => {
    const { names, nonce, isWildcard, hasNamed } = view(typeUrl);
    return {
      typeUrl,
      nonce,
      subscribe: change.subscribe ?? [],
      unsubscribe: change.unsubscribe ?? [],
      initial: {},
      names: isWildcard && hasNamed ? ['*', ...names] : [...names],
      ...(change.error === undefined ? {} : { error: change.error }),
    };
  };

  const start = (typeUrl: string, names: readonly string[]): ModelRequest => {
    const one = view(typeUrl);
    one.isStarted = true;
    for (const name of names) one.names.add(name);
    one.hasNamed = names.length > 0;
    const versions = [...of(typeUrl)].map(([name, { version }]) => [name, version] as const);
    const first = request(typeUrl, {
      subscribe: one.isWildcard && names.length > 0 ? ['*', ...names] : names,
    });
    const isTold = isDelta && options.keepsVersions;
    return { ...first, initial: isTold ? Object.fromEntries<string>(versions) : {} };
  };

  const connect = (): readonly ModelRequest[] => {
    views = new Map();
    warming = new Set();
    heldBack = undefined;
    // A client that cannot say what it holds starts afresh.
    if (isDelta && !options.keepsVersions) for (const table of held.values()) table.clear();
    const requests = [start(cds, [...onDemand])];
    const clusters = [...of(cds).keys()];
    if (clusters.length > 0) requests.push(start(eds, clusters));
    return [
      ...requests,
      start(lds, []),
      start(rds, options.routes),
      ...(isDelta ? [start(vhds, [])] : []),
    ];
  };

  const note = (typeUrl: string, name: string, resource: ReadResource): void => {
    of(typeUrl).set(name, {
      version: resource.version,
      text: resource.text ?? '',
      refersTo: resource.refersTo,
    });
  };

  const look = (): void => {
    for (const name of of(cds).keys()) if (!warming.has(name)) usable.add(name);
    for (const name of usable) if (!of(cds).has(name)) usable.delete(name);
    for (const typeUrl of [rds, vhds]) {
      for (const [name, { text, refersTo }] of of(typeUrl)) {
        for (const to of refersTo) {
          if (!usable.has(to)) dangling.push(`${name}=${text} -> ${to}`);
        }
      }
    }
  };

  /** Applies what is good; the text of a refusal when something was bad. */
  const apply = (response: ReadResponse): string | undefined => {
    const { typeUrl, resources, removed } = response;
    const bad = resources.filter(({ text }) => isBadText(text)).map(({ name }) => name);
    if (bad.length > 0 && !singly.has(typeUrl)) return 'something in here is not right';
    const table = of(typeUrl);
    if (!isDelta && singly.has(typeUrl)) {
      const present = new Set(resources.map(({ name }) => name));
      for (const name of [...table.keys()]) if (!present.has(name)) table.delete(name);
    }
    for (const name of removed) {
      table.delete(name);
      // A cluster whose endpoints are said not to exist is ready without any.
      if (typeUrl === eds) warming.delete(name);
    }
    for (const resource of resources) {
      const { name, text } = resource;
      if (bad.includes(name) || text === undefined) continue;
      // It may have been let go while it was on its way.
      if (!view(typeUrl).isWildcard && !view(typeUrl).names.has(name)) continue;
      const isNew = table.get(name)?.text !== text;
      note(typeUrl, name, resource);
      if (typeUrl === cds && isNew) warming.add(name);
      if (typeUrl === eds) warming.delete(name);
    }
    for (const name of warming) if (!of(cds).has(name)) warming.delete(name);
    look();
    const kind = typeUrl === cds ? 'cluster' : 'listener';
    return bad.length === 0
      ? undefined
      : `Error adding/updating ${kind}(s) ${bad.map((name) => `${name}: is bad`).join(', ')}`;
  };

  /** The endpoints asked for are those of the clusters held. */
  const followClusters = (): readonly ModelRequest[] => {
    const one = view(eds);
    const wanted = [...of(cds).keys()];
    const subscribe = wanted.filter((name) => !one.names.has(name));
    const unsubscribe = [...one.names].filter((name) => !of(cds).has(name));
    if (subscribe.length === 0 && unsubscribe.length === 0) return [];
    for (const name of unsubscribe) {
      one.names.delete(name);
      of(eds).delete(name);
    }
    for (const name of subscribe) one.names.add(name);
    one.isStarted = true;
    return [request(eds, { subscribe, unsubscribe })];
  };

  const release = (): readonly ModelRequest[] => {
    if (heldBack === undefined || warming.size > 0) return [];
    const ack = heldBack;
    heldBack = undefined;
    return [ack];
  };

  const receive = (response: ReadResponse): readonly ModelRequest[] => {
    const { typeUrl } = response;
    const error = apply(response);
    view(typeUrl).nonce = response.nonce;
    const answer = request(typeUrl, error === undefined ? {} : { error });
    if (typeUrl !== cds) return [answer, ...(typeUrl === eds ? release() : [])];
    const followed = followClusters();
    if (warming.size === 0) return [...followed, answer];
    heldBack = answer;
    return followed;
  };

  return {
    held,
    dangling,
    connect,
    receive,
    expire: () => {
      warming.clear();
      look();
      return release();
    },
    ask: (typeUrl, name) => {
      view(typeUrl).names.add(name);
      view(typeUrl).hasNamed = true;
      if (typeUrl === cds) onDemand.add(name);
      return [request(typeUrl, { subscribe: [name] })];
    },
    leave: (typeUrl, name) => {
      if (!view(typeUrl).names.delete(name)) return [];
      if (typeUrl === cds) onDemand.delete(name);
      return [request(typeUrl, { unsubscribe: [name] })];
    },
  };
}
