/** Texts in PEM: RFC 7468. */

/** One block, as it is written, with an end of line. */
export interface PemBlock {
  readonly label: string;
  readonly pem: string;
}

/** The blocks of a text, in order; what stands between them is passed over. */
export function pemBlocks(text: string): readonly PemBlock[] {
  const pattern = /-----BEGIN ([A-Z0-9 ]{1,64})-----[A-Za-z0-9+/=\s:,-]*?-----END \1-----/g;
  return [...text.matchAll(pattern)].map(([pem, label = '']) => ({ label, pem: `${pem}\n` }));
}
