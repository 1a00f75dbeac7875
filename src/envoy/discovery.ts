// The messages of the discovery service itself. Hot: resource bodies are bytes that pass through.
import type { Reader, Writer } from 'protobufjs';
import protobuf from 'protobufjs/minimal.js';
import type {
  envoy_config_core_v3_Node as Node,
  envoy_service_discovery_v3_DeltaDiscoveryRequest as RawDelta,
  envoy_service_discovery_v3_DiscoveryRequest as RawRequest,
} from '../../gen/envoy.js';
import { decode } from './encode.js';
import type { OwnField } from './read-message.js';
import { eachField, sectionEnd } from './well-known.js';

/** Who speaks: what Envoy says of itself in the first request of a stream. */
export type DiscoveryNode = Node;

/** Why a response was rejected: present in a NACK. */
export interface DiscoveryError {
  /** A gRPC status code. */
  readonly code: number;
  readonly message: string;
}

/** A request of the delta protocol; absent lists are empty. */
export interface DeltaDiscoveryRequest {
  readonly node: DiscoveryNode | undefined;
  readonly type_url: string;
  readonly resource_names_subscribe: readonly string[];
  readonly resource_names_unsubscribe: readonly string[];
  readonly initial_resource_versions: ReadonlyMap<string, string>;
  readonly response_nonce: string;
  readonly error_detail: DiscoveryError | undefined;
}

/** A request of the state-of-the-world protocol; absent lists are empty. */
export interface DiscoveryRequest {
  readonly node: DiscoveryNode | undefined;
  readonly type_url: string;
  readonly resource_names: readonly string[];
  readonly version_info: string;
  readonly response_nonce: string;
  readonly error_detail: DiscoveryError | undefined;
}

/** A resource of a delta response; without `bytes` it says only that the name has an answer. */
export interface DeltaResource {
  readonly name: string;
  readonly version: string;
  readonly aliases?: readonly string[];
  /** The encoded message; it is not looked into. */
  readonly bytes?: Uint8Array;
}

/** A response of the delta protocol. */
export interface DeltaDiscoveryResponse {
  readonly type_url: string;
  readonly nonce: string;
  readonly system_version_info: string;
  readonly resources: readonly DeltaResource[];
  readonly removed_resources: readonly string[];
  /** Named so in Envoy's admin interface. */
  readonly control_plane?: string;
}

/** A response of the state-of-the-world protocol. */
export interface DiscoveryResponse {
  readonly type_url: string;
  readonly nonce: string;
  readonly version_info: string;
  readonly resources: readonly { readonly bytes: Uint8Array }[];
  readonly control_plane?: string;
}

const names = 'type.googleapis.com/envoy.service.discovery.v3.';
/** Of a delta request: field 2 and field 6, which are texts. */
const typeTag = 18;
const answeredTag = 50;
/** Longer reasons of a NACK are cut: they are kept, logged and shown. */
const maxErrorLength = 32_768;

const noNames: readonly string[] = [];
// As in every request but the first of a type.
const noVersions: ReadonlyMap<string, string> = new Map();

/**
 * A delta request of a type and a nonce alone, as nearly all are, read without the table of fields;
 * undefined: it says more.
 * @throws Error for bytes that are no message.
 */
export function decodeDeltaAck(bytes: Uint8Array): DeltaDiscoveryRequest | undefined {
  const reader = protobuf.Reader.create(bytes);
  let typeUrl = '';
  let nonce = '';
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === typeTag) typeUrl = readText(reader);
    else if (tag === answeredTag) nonce = readText(reader);
    else return undefined;
  }
  return {
    node: undefined,
    type_url: typeUrl,
    resource_names_subscribe: noNames,
    resource_names_unsubscribe: noNames,
    initial_resource_versions: noVersions,
    response_nonce: nonce,
    error_detail: undefined,
  };
}

/** A text that ends within the message: protobufjs takes what is there of one that does not. */
function readText(reader: Reader): string {
  const start = reader.pos;
  sectionEnd(reader, reader.len);
  reader.pos = start;
  return reader.string();
}

/** @throws Error for bytes that are no such message. */
export function decodeDeltaDiscoveryRequest(bytes: Uint8Array): DeltaDiscoveryRequest {
  // After a reconnect thousands: of all that could be made of them, a record with as many keys is the dearest.
  let versions: Map<string, string> | undefined;
  const own: OwnField = (reader, id, wireType) => {
    if (id !== versionsTag.id || wireType !== versionsTag.wireType) return false;
    versions ??= new Map<string, string>();
    readVersion(reader, versions);
    return true;
  };
  const raw: RawDelta = decode(`${names}DeltaDiscoveryRequest`, bytes, own);
  return {
    node: raw.node,
    type_url: raw.type_url ?? '',
    resource_names_subscribe: raw.resource_names_subscribe ?? [],
    resource_names_unsubscribe: raw.resource_names_unsubscribe ?? [],
    initial_resource_versions: versions ?? noVersions,
    response_nonce: raw.response_nonce ?? '',
    error_detail: errorOf(raw.error_detail),
  };
}

/** @throws Error for bytes that are no such message. */
export function decodeDiscoveryRequest(bytes: Uint8Array): DiscoveryRequest {
  const raw: RawRequest = decode(`${names}DiscoveryRequest`, bytes);
  return {
    node: raw.node,
    type_url: raw.type_url ?? '',
    resource_names: raw.resource_names ?? [],
    version_info: raw.version_info ?? '',
    response_nonce: raw.response_nonce ?? '',
    error_detail: errorOf(raw.error_detail),
  };
}

const versionsTag = { id: 5, wireType: 2 } as const;

/** An entry of a map: the key is field 1, the value field 2, and either may be absent. */
function readVersion(reader: Reader, into: Map<string, string>): void {
  const end = sectionEnd(reader, reader.len);
  let name = '';
  let version = '';
  eachField(reader, end, (id, wireType) => {
    if (wireType !== 2 || id > 2) return false;
    if (id === 1) name = reader.string();
    else version = reader.string();
    return true;
  });
  into.set(name, version);
}

function errorOf(raw: RawDelta['error_detail']): DiscoveryError | undefined {
  if (raw === undefined) return undefined;
  const { code = 0, message = '' } = raw;
  if (message.length <= maxErrorLength) return { code, message };
  // A copy: a slice would keep the whole text.
  return { code, message: Buffer.from(message.slice(0, maxErrorLength)).toString() };
}

/** The version that a node states of its build, like `1.40.0`; empty where it states none. */
export function envoyVersion(node: DiscoveryNode): string {
  const version = node.user_agent_build_version?.version;
  if (version === undefined) return node.user_agent_version ?? '';
  const { major_number: major = 0, minor_number: minor = 0, patch = 0 } = version;
  return `${major}.${minor}.${patch}`;
}

/** The response in wire format. */
export function encodeDeltaDiscoveryResponse(response: DeltaDiscoveryResponse): Uint8Array {
  const writer = protobuf.Writer.create();
  writeString(writer, 10, response.system_version_info);
  for (const resource of response.resources) writeResource(writer, response.type_url, resource);
  writeString(writer, 34, response.type_url);
  writeString(writer, nonceTag, response.nonce);
  for (const name of response.removed_resources) writer.uint32(50).string(name);
  writeControlPlane(writer, 58, response.control_plane);
  return writer.finish();
}

const nonceTag = 42;

/** A delta response that was encoded without a nonce, with one: ASCII, of at most 127 characters. */
export function appendNonce(response: Uint8Array, nonce: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(response.length + 2 + nonce.length);
  bytes.set(response);
  bytes[response.length] = nonceTag;
  bytes[response.length + 1] = nonce.length;
  bytes.write(nonce, response.length + 2, 'latin1');
  return bytes;
}

/** The response in wire format. */
export function encodeDiscoveryResponse(response: DiscoveryResponse): Uint8Array {
  const writer = protobuf.Writer.create();
  writeString(writer, 10, response.version_info);
  for (const { bytes } of response.resources) writeAny(writer, response.type_url, bytes);
  writeString(writer, 34, response.type_url);
  writeString(writer, 42, response.nonce);
  writeControlPlane(writer, 50, response.control_plane);
  return writer.finish();
}

/** How many bytes one resource adds to a delta response, rounded up: for splitting by size. */
export function deltaResourceSize(typeUrl: string, resource: DeltaResource): number {
  // Names may take three bytes a character; tags and lengths are within the constant.
  let size = 48 + 3 * resource.name.length + resource.version.length;
  for (const alias of resource.aliases ?? []) size += 6 + 3 * alias.length;
  if (resource.bytes !== undefined) size += typeUrl.length + resource.bytes.length;
  return size;
}

function writeString(writer: Writer, tag: number, value: string): void {
  if (value !== '') writer.uint32(tag).string(value);
}

function writeControlPlane(writer: Writer, tag: number, identifier: string | undefined): void {
  if (identifier === undefined) return;
  writer.uint32(tag).fork().uint32(10).string(identifier).ldelim();
}

function writeResource(writer: Writer, typeUrl: string, resource: DeltaResource): void {
  writer.uint32(18).fork();
  writeString(writer, 10, resource.version);
  if (resource.bytes !== undefined) writeAny(writer, typeUrl, resource.bytes);
  writeString(writer, 26, resource.name);
  for (const alias of resource.aliases ?? []) writer.uint32(34).string(alias);
  writer.ldelim();
}

/** An Any as field 2, which it is in both messages that hold one. */
function writeAny(writer: Writer, typeUrl: string, bytes: Uint8Array): void {
  writer.uint32(18).fork().uint32(10).string(typeUrl);
  if (bytes.length > 0) writer.uint32(18).bytes(bytes);
  writer.ldelim();
}
