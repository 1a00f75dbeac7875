/** Access logs as Envoy sends them, and any other bytes. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeAccessLogs } from './access-logs.js';
import { encode } from './encode.js';

const message = 'type.googleapis.com/envoy.service.accesslog.v3.StreamAccessLogsMessage';
const uri = 'spiffe://cluster.local/ns/web/sa/cart';

const common = {
  tls_properties: {
    tls_sni_hostname: 'x',
    local_certificate_properties: { subject_alt_name: [{ uri: 'spiffe://other' }] },
    peer_certificate_properties: { subject_alt_name: [{ uri }, { dns: 'cart.web' }] },
  },
  downstream_local_address: { socket_address: { address: '192.0.2.2', port_value: 8080 } },
  downstream_remote_address: { socket_address: { address: '192.0.2.9', port_value: 1 } },
  downstream_direct_remote_address: { socket_address: { address: '192.0.2.1', port_value: 1 } },
  custom_tags: { policy: 'shop/reviews/legacy', other: '' },
};

describe('the entries of access logs', () => {
  test('of HTTP and of TCP are read alike', () => {
    const entry = {
      peerUris: [uri],
      peerAddress: '192.0.2.1',
      localPort: 8080,
      tags: new Map([
        ['policy', 'shop/reviews/legacy'],
        ['other', ''],
      ]),
    };
    const http = encode(message, {
      identifier: { log_name: 'x', node: { id: 'shop/a' } },
      http_logs: { log_entry: [{ common_properties: common, request: { path: '/' } }, {}] },
    });
    const nothing = { peerUris: [], peerAddress: '', localPort: 0, tags: new Map() };
    expect(decodeAccessLogs(http)).toEqual([entry, nothing]);
    const tcp = encode(message, {
      tcp_logs: { log_entry: [{ common_properties: common }] },
    });
    expect(decodeAccessLogs(tcp)).toEqual([entry]);
  });

  test('any bytes are read or refused, and never hang', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(Array.isArray(decodeAccessLogs(bytes))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
