/** Mesh TLS on both sides: TLS 1.3, certificates by SDS, SPIFFE ids checked. */
import { httpAlpn, tcpAlpn } from './contract.js';
import type { StringMatcher, TransportSocket } from '../../envoy/index.js';
import { spellAdsSource } from './values.js';
import type { OutsideTlsIr, Wire } from '../../ir/index.js';

// Both bounds: the client's own maximum is TLS 1.2 unless set (measured on Envoy 1.40).
const tlsParams = {
  tls_minimum_protocol_version: 'TLSv1_3',
  tls_maximum_protocol_version: 'TLSv1_3',
} as const;

/**
 * No certificate carries this name. It stands in where no identity may answer, because an empty
 * list of names would accept every certificate of the trust domain.
 */
const nobody = 'spiffe://nobody.invalid/';

function spellValidation(ids: readonly StringMatcher[]) {
  return {
    default_validation_context: {
      match_typed_subject_alt_names: ids.map((matcher) => ({ san_type: 'URI' as const, matcher })),
    },
    validation_context_sds_secret_config: { name: 'ROOTCA', sds_config: spellAdsSource() },
  };
}

/** The client's side: only `spiffeIds` may answer; an empty list refuses everybody. */
export function spellUpstreamTls(wire: Wire, spiffeIds: readonly string[]): TransportSocket {
  const ids = spiffeIds.length === 0 ? [nobody] : spiffeIds;
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      common_tls_context: {
        tls_params: tlsParams,
        alpn_protocols: [wire === 'http' ? httpAlpn : tcpAlpn],
        tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: spellAdsSource() }],
        combined_validation_context: spellValidation(ids.map((exact) => ({ exact }))),
      },
    },
  };
}

/**
 * The client's side towards servers outside the mesh: the name is proved by whom the bundle names. ALPN is
 * left to Envoy, which offers what it is about to speak.
 */
export function spellOrigination({
  serverName,
  caPem,
  credential,
}: Extract<OutsideTlsIr, { kind: 'origination' }>): TransportSocket {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      sni: serverName,
      common_tls_context: {
        tls_params: {
          tls_minimum_protocol_version: 'TLSv1_2',
          tls_maximum_protocol_version: 'TLSv1_3',
        },
        ...(credential === undefined
          ? {}
          : {
              tls_certificate_sds_secret_configs: [
                { name: credential, sds_config: spellAdsSource() },
              ],
            }),
        validation_context: {
          trusted_ca: { inline_string: caPem },
          match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: serverName } }],
        },
      },
    },
  };
}

/**
 * The server's side: a certificate of the trust domain is demanded. The server selects no ALPN:
 * the filter chain was chosen by what the client offers, and a selected name that is neither `h2`
 * nor empty would make the HTTP codec take every connection for HTTP/1 (measured on Envoy 1.40).
 * No session is resumed, so that every connection proves its identity afresh.
 */
export function spellDownstreamTls(trustDomain: string): TransportSocket {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      require_client_certificate: true,
      disable_stateless_session_resumption: true,
      disable_stateful_session_resumption: true,
      common_tls_context: {
        tls_params: tlsParams,
        tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: spellAdsSource() }],
        combined_validation_context: spellValidation([{ prefix: `spiffe://${trustDomain}/` }]),
      },
    },
  };
}
