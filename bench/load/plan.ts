/** What the load generator is told, and what it answers: lines of JSON over its standard input and output. */
import { z } from 'zod';

const sidecarSchema = z.object({
  nodeId: z.string(),
  /** Bearer token; absent: none is sent. */
  token: z.string().optional(),
  /** Of the node. */
  metadata: z.record(z.string(), z.unknown()),
  /** Clusters that its app calls. */
  uses: z.array(z.string()),
});

const planSchema = z.object({
  host: z.string(),
  port: z.number(),
  /** Absent: plaintext. */
  tls: z.object({ roots: z.string(), serverName: z.string() }).optional(),
  /** Gets a certificate request of its own in its metadata under this key. */
  csrKey: z.string().optional(),
  sidecars: z.array(sidecarSchema),
});

/** The sidecars of one generator, and their server. */
export type Plan = z.infer<typeof planSchema>;

/** One sidecar of a plan. */
export type PlannedSidecar = z.infer<typeof sidecarSchema>;

/** Reads a plan; throws when it is none. */
export function parsePlan(text: string): Plan {
  return planSchema.parse(JSON.parse(text));
}

const commandSchema = z.discriminatedUnion('do', [
  /** Opens all connections at once; answered when all sidecars are configured. */
  z.object({ do: z.literal('connect') }),
  /** Cuts all connections and opens them again at once, with what is held. */
  z.object({ do: z.literal('reconnect') }),
  /** Another server for the next connections. */
  z.object({ do: z.literal('move'), host: z.string(), port: z.number() }),
  /**
   * Waits for the next form of a resource whose name holds `name`, at all that hold one, or at the
   * first `most` of them; answered twice.
   */
  z.object({
    ...{ do: z.literal('expect'), typeUrl: z.string(), name: z.string() },
    most: z.number().optional(),
  }),
  /** Another sidecar takes the place of this one, whose connection is cut; answered when it is configured. */
  z.object({ do: z.literal('replace'), index: z.number(), sidecar: sidecarSchema }),
  /** How many streams have ended since the last `endings`, or the start. */
  z.object({ do: z.literal('endings') }),
  /** What has arrived since the last `count`, or the start. */
  z.object({ do: z.literal('count') }),
  /** The responses that the first sidecar has got since the last `record`, or the start. */
  z.object({ do: z.literal('record') }),
]);

/** What the generator can be asked to do. */
export type Command = z.infer<typeof commandSchema>;

/** Reads a command; throws when it is none. */
export function parseCommand(line: string): Command {
  return commandSchema.parse(JSON.parse(line));
}

const countsSchema = z.record(
  z.string(),
  z.object({ responses: z.number(), resources: z.number(), bytes: z.number() }),
);

/** Responses, resources with a body and bytes, by the short name of the type. */
export type Counts = z.infer<typeof countsSchema>;

const answerSchema = z.discriminatedUnion('is', [
  z.object({ is: z.literal('ready') }),
  /**
   * Milliseconds of each sidecar from the command on until it is configured, and until it has a
   * certificate of its own, sorted; how many different certificates these are; streams that ended.
   */
  z.object({
    ...{ is: z.literal('configured'), ms: z.array(z.number()), retries: z.number() },
    ...{ certifiedMs: z.array(z.number()), certificates: z.number() },
  }),
  z.object({ is: z.literal('moved') }),
  z.object({ is: z.literal('replaced') }),
  z.object({ is: z.literal('ended'), streams: z.number() }),
  /** How many sidecars hold such a resource. */
  z.object({ is: z.literal('armed'), holders: z.number() }),
  /** When it arrived at each, on the monotonic clock of the machine (`process.hrtime`), sorted. */
  z.object({ is: z.literal('arrived'), atMs: z.array(z.number()) }),
  z.object({ is: z.literal('counts'), counts: countsSchema }),
  /** In base64. */
  z.object({ is: z.literal('recorded'), responses: z.array(z.string()) }),
  z.object({ is: z.literal('failed'), message: z.string() }),
]);

/** What the generator says. */
export type Answer = z.infer<typeof answerSchema>;

/** Reads an answer; throws when it is none. */
export function parseAnswer(line: string): Answer {
  return answerSchema.parse(JSON.parse(line));
}
