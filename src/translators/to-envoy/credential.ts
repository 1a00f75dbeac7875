/** The SDS resource of a certificate that sidecars show outside the mesh: the one place that reveals its key. */
import type { Secret } from '../../envoy/index.js';
import type { Credential } from '../../model/index.js';

/** The secret called `name`. */
export function spellCredential(
  name: string,
  { chainPem, keyPem }: NonNullable<Credential['pair']>,
): Secret {
  return {
    name,
    tls_certificate: {
      certificate_chain: { inline_string: chainPem },
      private_key: { inline_string: keyPem.reveal() },
    },
  };
}
