/** The URL of an issuer's key set: sidecars fetch it over HTTP from a Service of the mesh. */
import type { z } from 'zod';
import { fail, ok, type Result } from '../../../lib/index.js';
import type { KeySetUrl } from '../../../model/index.js';
import { dnsLabel } from '../header.js';
import { text } from './check.js';

const form = 'http://<service>.<namespace>[:<port>]/<path>';
const outside =
  'for an issuer outside the mesh, make a Service that leads there, with outbound.tls (mode Simple) for its TLS, and name that Service';

/**
 * Reads the URL of a Service as its callers write it: with the port of the Service, 80 if none. The
 * error says what was expected.
 */
export function readKeySetUrl(url: string): Result<KeySetUrl, string> {
  if (url.length > 1024) return fail('expected at most 1024 characters');
  if (/^https:/i.test(url)) {
    return fail(
      `expected ${form}, found https: between pods sidecars encrypt by themselves; ${outside}`,
    );
  }
  const match = /^http:\/\/([^/?#@:\s]+)(?::(\d{1,5}))?(\/[\x21\x22\x24-\x7e]*)?$/.exec(url);
  const [, host = '', digits = '80', path = '/'] = match ?? [];
  const port = Number(digits);
  if (match === null || port < 1 || port > 65535) return fail(`expected ${form}`);
  const [name = '', namespace, ...rest] = host.split('.');
  const suffix = rest.join('.');
  const isService =
    dnsLabel.test(name) &&
    !/^\d+$/.test(name) &&
    (namespace === undefined || dnsLabel.test(namespace)) &&
    ['', 'svc', 'svc.cluster.local'].includes(suffix);
  if (!isService) return fail(`expected ${form}, found the host ${host}; ${outside}`);
  const where = { name, ...(namespace === undefined ? {} : { namespace }) };
  return ok({ url, ...where, port, path });
}

/** Such a URL, as text. */
export const keySetUrl: z.ZodString = text((value) => {
  const reading = readKeySetUrl(value);
  return reading.ok ? undefined : reading.error;
});
