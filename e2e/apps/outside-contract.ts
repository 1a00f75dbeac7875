/** What the program that plays the outside is told, as JSON in the variable OUTSIDE. */
import { z } from 'zod';

const ports = z.array(z.number().int());

const outside = z.object({
  /** Every server listens at each of them. */
  ips: z.array(z.string()),
  httpPorts: ports,
  /** HTTP/2 in plaintext, from the first byte. */
  http2Ports: ports,
  tlsPorts: ports,
  tcpPorts: ports,
  /** Paths of PEM files. */
  cert: z.string(),
  key: z.string(),
  /** Where names are asked for. */
  dns: z.string(),
  /** Lower-case name → IPv4 address. */
  names: z.record(z.string(), z.string()),
});

/** What is played. */
export type Outside = z.infer<typeof outside>;

/** Throws on anything else. */
export function parseOutside(text: string): Outside {
  return outside.parse(JSON.parse(text));
}
