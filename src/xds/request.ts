/** One request of either protocol, read from the wire and held to what a client of ours ever says. */
import {
  decodeDeltaAck,
  decodeDeltaDiscoveryRequest,
  decodeDiscoveryRequest,
  envoyVersion,
  shapeOfRequest,
  type DeltaDiscoveryRequest,
  type DiscoveryNode,
  type RequestShape,
} from '../envoy/index.js';
import { fail, ok, type Result } from '../lib/index.js';
import type { StreamState } from './stream-state.js';

/** A request, ready to be taken in. */
export interface Request {
  readonly node: DiscoveryNode | undefined;
  /** False: it asks for more than one stream may. */
  deliver(state: StreamState): boolean;
}

/** What is kept of a node for as long as its stream lives; the rest may be megabytes. */
export interface KnownNode {
  readonly id: string;
  /** Like `1.40.0`; empty where the client does not say. */
  readonly version: string;
}

/** Bounds in characters; what Envoys send on our word is far below. */
const longest = {
  typeUrl: 256,
  name: 2_048,
  version: 256,
  nodeId: 1_024,
  nodeVersion: 64,
} as const;

/**
 * Bounds of a whole request, looked at before anything is made of it: names and versions by the
 * thousand are what a sidecar has, and a node of Envoy's lists its extensions.
 */
const largest = {
  fields: 250_000,
  // Four times what is answered: a stream may ask for 20,000 of a type.
  names: 80_000,
  nodeBytes: 1_048_576,
  errorBytes: 1_048_576,
  errorFields: 64,
} as const;

/** An ACK of ours is a fifth of this; what is longer is looked at more closely. */
const longestAck = 512;

/** The request that the bytes are, or what is wrong with them, which never repeats them. */
export function readRequest(isDelta: boolean, bytes: Uint8Array): Result<Request, string> {
  try {
    const ack = isDelta && bytes.length <= longestAck ? decodeDeltaAck(bytes) : undefined;
    if (ack !== undefined) return toRequest(ack);
    const excess = excessOfShape(shapeOfRequest(isDelta, bytes));
    if (excess !== undefined) return fail(excess);
    return isDelta ? readDelta(bytes) : readSotw(bytes);
  } catch {
    return fail('not a discovery request');
  }
}

function readDelta(bytes: Uint8Array): Result<Request, string> {
  const request = decodeDeltaDiscoveryRequest(bytes);
  for (const [name, version] of request.initial_resource_versions) {
    if (name.length > longest.name) return fail(tooLong('a name', longest.name));
    if (version.length > longest.version) return fail(tooLong('a version', longest.version));
  }
  return toRequest(request);
}

function toRequest(request: DeltaDiscoveryRequest): Result<Request, string> {
  const { resource_names_subscribe: subscribe, resource_names_unsubscribe: unsubscribe } = request;
  const excess = excessOf(request, subscribe, unsubscribe);
  if (excess !== undefined) return fail(excess);
  return ok({ node: request.node, deliver: (state) => state.receiveDelta(request) });
}

function readSotw(bytes: Uint8Array): Result<Request, string> {
  const request = decodeDiscoveryRequest(bytes);
  const excess = excessOf(request, request.resource_names);
  if (excess !== undefined) return fail(excess);
  return ok({ node: request.node, deliver: (state) => state.receiveSotw(request) });
}

function excessOf(
  {
    type_url: typeUrl,
    node,
  }: { readonly type_url: string; readonly node: DiscoveryNode | undefined },
  ...lists: readonly (readonly string[])[]
): string | undefined {
  if (typeUrl.length > longest.typeUrl) return tooLong('a type URL', longest.typeUrl);
  if ((node?.id?.length ?? 0) > longest.nodeId) return tooLong('a node id', longest.nodeId);
  const isLong = lists.some((names) => names.some(({ length }) => length > longest.name));
  return isLong ? tooLong('a name', longest.name) : undefined;
}

function excessOfShape(shape: RequestShape): string | undefined {
  const { fields, names, nodeBytes, errorBytes, errorFields } = largest;
  if (shape.fields > fields) return `expected a request of at most ${String(fields)} fields`;
  if (shape.names > names) return `expected a request of at most ${String(names)} names`;
  if (shape.nodeBytes > nodeBytes) return `expected a node of at most ${String(nodeBytes)} bytes`;
  if (shape.errorBytes > errorBytes) {
    return `expected a reason of at most ${String(errorBytes)} bytes`;
  }
  if (shape.errorFields <= errorFields) return undefined;
  return `expected a reason of at most ${String(errorFields)} fields`;
}

function tooLong(what: string, limit: number): string {
  return `expected ${what} of at most ${String(limit)} characters`;
}

/** What is kept of a node that has an id. */
export function knownNode(id: string, node: DiscoveryNode): KnownNode {
  return { id, version: envoyVersion(node).slice(0, longest.nodeVersion) };
}
