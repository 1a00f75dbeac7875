/** A key set whose private key nobody can have. */

/**
 * Stands for the keys of an issuer of which none is known: Envoy takes no configuration without a
 * key, and without the issuer its tokens would pass unseen. A point of P-256 whose x is the SHA-256
 * of `skerry: nobody has the private key 1` (with 0 there is no such point), and whose y is even.
 */
export const nobodysKeys: string = JSON.stringify({
  keys: [
    {
      kty: 'EC',
      crv: 'P-256',
      x: 'w4k7Y2JHYXBlzUlqolJjk6OaDTf7t2MinpHwOmmiA70',
      y: 'PiyqNpdJKl1HAJqHK6OVJv-mWBBvGNQlcV4cKs0H9yw',
    },
  ],
});
