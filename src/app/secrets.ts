/** SDS resources: a workload's own certificate, and the mesh's trust bundle. */
import type { Svid } from '../ca/index.js';
import { any, encodeResource, typeUrls, type Secret } from '../envoy/index.js';
import { ownCertificateName, trustBundleName } from '../sidecar/index.js';
import type { ResourceChange, XdsResource } from '../xds/index.js';

function secret(name: string, body: Secret): XdsResource {
  const message = any('envoy.extensions.transport_sockets.tls.v3.Secret', { name, ...body });
  return { ...encodeResource(message, name), isEager: false, origins: [] };
}

/** The scope of one stream's own resources. */
export function streamScope(streamId: string): string {
  return `stream/${streamId}`;
}

/**
 * The certificate of one stream's workload: the chain inline; the key stays a path in the
 * sidecar's own file system, so no key ever passes through here.
 */
export function ownCertificate(streamId: string, svid: Svid, keyFile: string): ResourceChange {
  return {
    scope: streamScope(streamId),
    typeUrl: typeUrls.secret,
    name: ownCertificateName,
    resource: secret(ownCertificateName, {
      tls_certificate: {
        certificate_chain: { inline_string: svid.chainPem },
        private_key: { filename: keyFile },
      },
    }),
  };
}

/** The removal of what {@link ownCertificate} set. */
export function withoutCertificate(streamId: string): ResourceChange {
  return { scope: streamScope(streamId), typeUrl: typeUrls.secret, name: ownCertificateName };
}

/** The roots that every sidecar trusts. */
export function trustBundle(bundlePem: string): ResourceChange {
  return {
    scope: 'mesh',
    typeUrl: typeUrls.secret,
    name: trustBundleName,
    resource: secret(trustBundleName, {
      validation_context: { trusted_ca: { inline_string: bundlePem } },
    }),
  };
}
