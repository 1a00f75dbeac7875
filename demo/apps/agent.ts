/** Plays the part of an app that calls others: makes the calls it is told to by JSON lines on stdin. */
import { createInterface } from 'node:readline';
import { GrpcCaller } from '../agent/grpc-calls.js';
import { HttpCaller } from '../agent/http-calls.js';
import { startLoad, type RunningLoad } from '../agent/load.js';
import { HeldConnections, callTcp, callTls } from '../agent/tcp-calls.js';
import { agentRequestLine, type AgentReply, type AgentRequest } from '../rig/agent-protocol.js';

const http = new HttpCaller();
const grpc = new GrpcCaller();
const held = new HeldConnections();
const loads = new Map<string, RunningLoad>();

async function carryOut(request: AgentRequest): Promise<AgentReply> {
  switch (request.op) {
    case 'http':
      return { call: await http.call(request, request.group) };
    case 'grpc':
      return { call: await grpc.call(request) };
    case 'tcp':
      return { call: await callTcp(request) };
    case 'tls':
      return { call: await callTls(request) };
    case 'tcp-open':
      return { call: await held.open(request) };
    case 'tcp-send':
      return { call: await held.send(request) };
    case 'tcp-state':
      return { call: held.state(request.connection) };
    case 'tcp-close':
      return { call: held.close(request.connection) };
    case 'load':
      return { load: await startLoad(request, request.total).finished };
    case 'load-start':
      loads.set(request.load, startLoad(request, Number.POSITIVE_INFINITY));
      return {};
    case 'load-stop':
      return { load: await stopLoad(request.load) };
  }
}

function stopLoad(name: string): ReturnType<RunningLoad['stop']> {
  const load = loads.get(name);
  if (load === undefined) throw new Error(`no load named ${name}`);
  loads.delete(name);
  return load.stop();
}

async function handle(line: string): Promise<void> {
  const { id, request } = agentRequestLine.parse(JSON.parse(line));
  let reply: AgentReply;
  try {
    reply = await carryOut(request);
  } catch (error) {
    reply = { refused: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify({ id, ...reply })}\n`);
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  handle(line).catch((error: unknown) => {
    // A line that cannot be read is a fault of the rig's: end, and the rig says so.
    console.error(error);
    process.exit(1);
  });
});
lines.on('close', () => {
  process.exit(0);
});
