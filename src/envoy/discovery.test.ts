// The discovery messages: the quick form says the same as the full one.
import { describe, expect, test } from '@jest/globals';
import { decode, encode } from './encode.js';
import {
  appendNonce,
  decodeDeltaAck,
  decodeDeltaDiscoveryRequest,
  decodeDiscoveryRequest,
  deltaResourceSize,
  encodeDeltaDiscoveryResponse,
  encodeDiscoveryResponse,
  envoyVersion,
} from './discovery.js';
import { typeUrls } from './type-urls.js';

const prefix = 'type.googleapis.com/envoy.service.discovery.v3.' as const;
const bytes = encode(typeUrls.cluster, { name: 'a' });

describe('requests', () => {
  const node = {
    id: 'n',
    metadata: { csr: 'x', list: [1, null] },
    user_agent_build_version: { version: { major_number: 1, minor_number: 40 } },
  };

  test('a delta request is read whole, absent lists as empty ones', () => {
    const full = encode(`${prefix}DeltaDiscoveryRequest`, {
      node,
      type_url: typeUrls.cluster,
      resource_names_subscribe: ['*', 'a'],
      initial_resource_versions: { a: '1' },
      response_nonce: '7',
      error_detail: { code: 3, message: 'no' },
    });
    expect(decodeDeltaDiscoveryRequest(full)).toEqual({
      node,
      type_url: typeUrls.cluster,
      resource_names_subscribe: ['*', 'a'],
      resource_names_unsubscribe: [],
      initial_resource_versions: new Map([['a', '1']]),
      response_nonce: '7',
      error_detail: { code: 3, message: 'no' },
    });
    expect(envoyVersion(node)).toBe('1.40.0');
  });

  test('an empty delta request is one of empty fields', () => {
    expect(decodeDeltaDiscoveryRequest(new Uint8Array())).toEqual({
      node: undefined,
      type_url: '',
      resource_names_subscribe: [],
      resource_names_unsubscribe: [],
      initial_resource_versions: new Map(),
      response_nonce: '',
      error_detail: undefined,
    });
  });

  test('an ACK is read as any request is, whatever the order of its fields, and nothing else is one', () => {
    const full = (message: object): Buffer =>
      Buffer.from(encode(`${prefix}DeltaDiscoveryRequest`, message));
    const type = full({ type_url: typeUrls.endpoint });
    const nonce = full({ response_nonce: '17' });
    const other = full({ type_url: 'other', response_nonce: '1' });
    for (const parts of [[], [type], [type, nonce], [nonce, type], [other, nonce, type]]) {
      const bytes = Buffer.concat(parts);
      expect(decodeDeltaAck(bytes)).toEqual(decodeDeltaDiscoveryRequest(bytes));
    }
    const foreign = Buffer.from([0xfa, 0x07, 1, 0]);
    const asking = full({ resource_names_subscribe: ['a'] });
    const refusing = full({ error_detail: { message: 'no' } });
    for (const more of [foreign, asking, refusing, full({ node })]) {
      expect(decodeDeltaAck(Buffer.concat([type, nonce, more]))).toBeUndefined();
    }
    for (const length of [1, 2, 20])
      expect(() => decodeDeltaAck(type.subarray(0, length))).toThrow();
  });

  test('a state-of-the-world request is read whole', () => {
    const message = {
      version_info: '5',
      resource_names: ['a'],
      type_url: typeUrls.route,
      response_nonce: '1',
    };
    const full = encode(`${prefix}DiscoveryRequest`, message);
    expect(decodeDiscoveryRequest(full)).toEqual({
      ...message,
      node: undefined,
      error_detail: undefined,
    });
  });
});

describe('responses', () => {
  test('a delta response has the bytes of the full encoding', () => {
    const quick = encodeDeltaDiscoveryResponse({
      type_url: typeUrls.cluster,
      nonce: '3',
      system_version_info: '9',
      resources: [
        { name: 'a', version: 'v', bytes },
        { name: 'b', version: '', aliases: ['b'] },
      ],
      removed_resources: ['c'],
      control_plane: 'skerry-0',
    });
    const full = encode(`${prefix}DeltaDiscoveryResponse`, {
      type_url: typeUrls.cluster,
      nonce: '3',
      system_version_info: '9',
      resources: [
        { name: 'a', version: 'v', resource: { '@type': typeUrls.cluster, name: 'a' } },
        { name: 'b', aliases: ['b'] },
      ],
      removed_resources: ['c'],
      control_plane: { identifier: 'skerry-0' },
    });
    expect(Buffer.from(quick).toString('hex')).toBe(Buffer.from(full).toString('hex'));
  });

  test('a nonce can be added to a delta response that goes to many', () => {
    const response = {
      type_url: typeUrls.cluster,
      system_version_info: '9',
      resources: [{ name: 'a', version: 'v', bytes }],
      removed_resources: [],
    };
    const shared = encodeDeltaDiscoveryResponse({ ...response, nonce: '' });
    for (const nonce of ['1', '1234567']) {
      const whole = encodeDeltaDiscoveryResponse({ ...response, nonce });
      expect(Buffer.from(appendNonce(shared, nonce)).equals(whole)).toBe(true);
    }
  });

  test('a state-of-the-world response has the bytes of the full encoding', () => {
    const quick = encodeDiscoveryResponse({
      type_url: typeUrls.cluster,
      nonce: '3',
      version_info: '9',
      resources: [{ bytes }],
    });
    const full = encode(`${prefix}DiscoveryResponse`, {
      type_url: typeUrls.cluster,
      nonce: '3',
      version_info: '9',
      resources: [{ '@type': typeUrls.cluster, name: 'a' }],
    });
    expect(Buffer.from(quick).toString('hex')).toBe(Buffer.from(full).toString('hex'));
  });

  test('a resource of no bytes at all is sent as an Any with a type and no value', () => {
    const response = encodeDiscoveryResponse({
      type_url: typeUrls.cluster,
      nonce: '',
      version_info: '',
      resources: [{ bytes: new Uint8Array() }],
    });
    expect(decode(`${prefix}DiscoveryResponse`, response).resources).toEqual([
      { '@type': typeUrls.cluster },
    ]);
  });

  test('the stated size of a resource is never less than what it adds', () => {
    const resource = { name: 'żółw'.repeat(50), version: 'v', aliases: ['ł'], bytes };
    const size = (resources: readonly (typeof resource)[]): number =>
      encodeDeltaDiscoveryResponse({
        type_url: typeUrls.cluster,
        nonce: '',
        system_version_info: '',
        resources,
        removed_resources: [],
      }).length;
    const added = size([resource]) - size([]);
    expect(deltaResourceSize(typeUrls.cluster, resource)).toBeGreaterThanOrEqual(added);
  });
});
