/** References to Services, as policies write them. */

/** A Service and port that traffic goes to. */
export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
  /** Absent: the port that was called (or the Service's only port). */
  readonly port?: number;
}
