/** The rig's side of the caller program: makes calls from inside any network namespace. State: the calls under way. */
import { startProcess, type RunningProcess } from './process.js';
import {
  agentReplyLine,
  type AgentReply,
  type AgentRequestInput,
  type CallResult,
  type LoadResult,
} from './agent-protocol.js';

type Input<Op extends AgentRequestInput['op']> = Omit<Extract<AgentRequestInput, { op: Op }>, 'op'>;

/** A caller program that runs in some namespace. Calls never reject for what the network does: see CallResult.error. */
export interface Agent {
  readonly process: RunningProcess;
  http(call: Input<'http'>): Promise<CallResult>;
  grpc(call: Input<'grpc'>): Promise<CallResult>;
  /** Connects, sends, waits for bytes, closes. */
  tcp(call: Input<'tcp'>): Promise<CallResult>;
  tls(call: Input<'tls'>): Promise<CallResult>;
  /** Opens a TCP connection that stays open under the name given. */
  tcpOpen(call: Input<'tcp-open'>): Promise<CallResult>;
  tcpSend(call: Input<'tcp-send'>): Promise<CallResult>;
  /** Whether it is still open, and how old it is or was. */
  tcpState(connection: string): Promise<CallResult>;
  tcpClose(connection: string): Promise<CallResult>;
  /** Makes a number of HTTP calls. */
  load(load: Input<'load'>): Promise<LoadResult>;
  /** Makes HTTP calls until stopped. */
  startLoad(load: Omit<Input<'load-start'>, 'load'>): Promise<{ stop(): Promise<LoadResult> }>;
  stop(): Promise<void>;
}

interface Waiting {
  readonly resolve: (reply: AgentReply) => void;
  readonly reject: (error: Error) => void;
}

/** Starts the caller program with `argv`; rejects when it cannot be started. */
export async function startAgent(options: {
  readonly name: string;
  readonly argv: readonly string[];
  readonly logFile: string;
}): Promise<Agent> {
  const waiting = new Map<number, Waiting>();
  const child = await startProcess({
    ...options,
    onLine: (line) => {
      const { id, ...reply } = agentReplyLine.parse(JSON.parse(line));
      const call = waiting.get(id);
      waiting.delete(id);
      if (reply.refused === undefined) call?.resolve(withoutAbsent(reply));
      else call?.reject(new Error(`${options.name}: ${reply.refused}`));
    },
  });
  void child.ended.then(() => {
    for (const call of waiting.values()) {
      call.reject(new Error(`${options.name} has ended; its log is ${options.logFile}`));
    }
    waiting.clear();
  });
  let lastId = 0;
  return agentOver(child, (request) => {
    lastId += 1;
    const id = lastId;
    return new Promise((resolve, reject) => {
      if (!child.isRunning()) reject(new Error(`${options.name} has ended`));
      waiting.set(id, { resolve, reject });
      child.write(`${JSON.stringify({ id, request })}\n`);
    });
  });
}

function agentOver(
  child: RunningProcess,
  ask: (request: AgentRequestInput) => Promise<AgentReply>,
): Agent {
  const call = async (request: AgentRequestInput): Promise<CallResult> => {
    const reply = await ask(request);
    if (reply.call === undefined) throw new Error(`${child.name}: an answer without a result`);
    return reply.call;
  };
  const load = async (request: AgentRequestInput): Promise<LoadResult> => {
    const reply = await ask(request);
    if (reply.load === undefined) throw new Error(`${child.name}: an answer without a result`);
    return reply.load;
  };
  let loads = 0;
  return {
    process: child,
    http: (input) => call({ op: 'http', ...input }),
    grpc: (input) => call({ op: 'grpc', ...input }),
    tcp: (input) => call({ op: 'tcp', ...input }),
    tls: (input) => call({ op: 'tls', ...input }),
    tcpOpen: (input) => call({ op: 'tcp-open', ...input }),
    tcpSend: (input) => call({ op: 'tcp-send', ...input }),
    tcpState: (connection) => call({ op: 'tcp-state', connection }),
    tcpClose: (connection) => call({ op: 'tcp-close', connection }),
    load: (input) => load({ op: 'load', ...input }),
    startLoad: async (input) => {
      loads += 1;
      const name = `load-${loads}`;
      await ask({ op: 'load-start', load: name, ...input });
      return { stop: () => load({ op: 'load-stop', load: name }) };
    },
    stop: async () => {
      await child.stop();
    },
  };
}

function withoutAbsent(reply: AgentReply): AgentReply {
  return {
    ...(reply.call === undefined ? {} : { call: reply.call }),
    ...(reply.load === undefined ? {} : { load: reply.load }),
  };
}
