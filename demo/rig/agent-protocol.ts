/** The JSON lines between the rig and the caller program that runs in a pod's network namespace. */
import { z } from 'zod';

const headers = z.record(z.string(), z.string());
const timeoutMs = z.number().positive().default(5_000);

const httpCall = z.object({
  op: z.literal('http'),
  url: z.string(),
  /** Sent as it is in place of the url's path, which would be normalised. */
  rawPath: z.string().optional(),
  method: z.string().default('GET'),
  headers: headers.default({}),
  body: z.string().default(''),
  /** Calls of one group share one kept-alive connection; absent: a connection of its own, closed after. */
  group: z.string().optional(),
  timeoutMs,
});

const grpcCall = z.object({
  op: z.literal('grpc'),
  /** `host:port` */
  target: z.string(),
  name: z.string().default('world'),
  metadata: headers.default({}),
  /** Calls of one group share one channel; absent: a channel of its own, closed after. */
  group: z.string().optional(),
  timeoutMs,
});

const tcpCall = z.object({
  op: z.literal('tcp'),
  host: z.string(),
  port: z.number(),
  /** Empty: nothing is sent, the server speaks first. */
  send: z.string().default(''),
  /** Waits until that many bytes came, the peer closed, or the time is up. */
  expectBytes: z.number().default(1),
  timeoutMs,
});

const tcpOpen = z.object({
  op: z.literal('tcp-open'),
  connection: z.string(),
  host: z.string(),
  port: z.number(),
  timeoutMs,
});

const tcpSend = z.object({
  op: z.literal('tcp-send'),
  connection: z.string(),
  send: z.string(),
  expectBytes: z.number().default(1),
  timeoutMs,
});

const tcpState = z.object({ op: z.literal('tcp-state'), connection: z.string() });
const tcpClose = z.object({ op: z.literal('tcp-close'), connection: z.string() });

const tlsCall = z.object({
  op: z.literal('tls'),
  host: z.string(),
  port: z.number(),
  /** PEM; both absent: no client certificate. */
  cert: z.string().optional(),
  key: z.string().optional(),
  alpn: z.array(z.string()).default([]),
  serverName: z.string().optional(),
  send: z.string(),
  timeoutMs,
});

const loadShape = {
  url: z.string(),
  method: z.string().default('GET'),
  headers: headers.default({}),
  concurrency: z.number().int().positive().default(4),
  /** Absent: as fast as answers come. */
  requestsPerSecond: z.number().positive().optional(),
  timeoutMs,
};

const load = z.object({
  op: z.literal('load'),
  total: z.number().int().positive(),
  ...loadShape,
});
const loadStart = z.object({ op: z.literal('load-start'), load: z.string(), ...loadShape });
const loadStop = z.object({ op: z.literal('load-stop'), load: z.string() });

/** What the rig may ask for; unknown fields are dropped, wrong ones refused. */
export const agentRequest = z.discriminatedUnion('op', [
  httpCall,
  grpcCall,
  tcpCall,
  tcpOpen,
  tcpSend,
  tcpState,
  tcpClose,
  tlsCall,
  load,
  loadStart,
  loadStop,
]);

/** A request as the rig writes it: defaults may be left out. */
export type AgentRequestInput = z.input<typeof agentRequest>;
/** A request as the caller program reads it: defaults filled in. */
export type AgentRequest = z.output<typeof agentRequest>;
/** One kind of request, defaults filled in. */
export type AgentRequestOf<Op extends AgentRequest['op']> = Extract<AgentRequest, { op: Op }>;

/** What came of one call. */
export const callResult = z.object({
  /** HTTP status, or the gRPC code's name; for TCP and TLS `open` (bytes came, or the peer waits) or `closed`. */
  status: z.union([z.number(), z.string(), z.null()]),
  /** The version that answered, where the answer says so. */
  version: z.string().nullable(),
  body: z.string(),
  headers,
  /** The caller's SPIFFE id as the server saw it in x-forwarded-client-cert. */
  peerSpiffeId: z.string().nullable(),
  /** Milliseconds from the call to its end. */
  ms: z.number(),
  error: z.string().nullable(),
});
/** What came of one call. */
export type CallResult = z.infer<typeof callResult>;

/** What came of many HTTP calls. */
export const loadResult = z.object({
  total: z.number(),
  /** Status → count. */
  statuses: z.record(z.string(), z.number()),
  /** Version that answered → count. */
  versions: z.record(z.string(), z.number()),
  /** Error text → count: requests without an answer. */
  errors: z.record(z.string(), z.number()),
  /** Milliseconds. */
  medianMs: z.number(),
  p99Ms: z.number(),
  maxMs: z.number(),
});
/** What came of many HTTP calls. */
export type LoadResult = z.infer<typeof loadResult>;

/** One line to the caller program. */
export const agentRequestLine = z.object({ id: z.number(), request: agentRequest });

/** One line from the caller program. */
export const agentReplyLine = z.object({
  id: z.number(),
  call: callResult.optional(),
  load: loadResult.optional(),
  /** The request itself could not be carried out (a wrong field, an unknown connection). */
  refused: z.string().optional(),
});
/** One line from the caller program. */
export type AgentReply = Omit<z.infer<typeof agentReplyLine>, 'id'>;
