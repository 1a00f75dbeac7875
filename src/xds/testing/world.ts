/** Test support: what is true, a stream that tells of it, and a client, with messages that move one by one. */
import { expect } from '@jest/globals';
import { typeUrls } from '../../envoy/index.js';
import { createResourceCache } from '../cache.js';
import type { ResourceChange, XdsResource } from '../resource.js';
import { createStreamState, type StreamState } from '../stream-state.js';
import { createModelEnvoy, isBadText, type ModelEnvoy, type ModelRequest } from './model-envoy.js';
import { meshScope, readResponse, type ReadResponse } from './resources.js';
import { deltaRequest, sotwRequest, testRules } from './rig.js';
import { Truth, type BadTypes } from './truth.js';

const { cluster: cds, endpoint: eds, route: rds, virtualHost: vhds } = typeUrls;
const routeNames = ['r0', 'r1'];

/** Versions or contents by type and name. */
export type Held = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** One client of one server; time stands still until it settles. */
export class World {
  readonly cache = createResourceCache();
  readonly truth: Truth;
  readonly envoy: ModelEnvoy;
  /** How often each content was refused, by type, name and text. */
  readonly refusals = new Map<string, number>();
  /** Clusters that the client has asked for by name. */
  readonly asked = new Set<string>();
  private state: StreamState;
  private toServer: ModelRequest[] = [];
  private toClient: ReadResponse[] = [];
  private unanswered = new Map<string, string>();
  private nowMs = 1_000_000;
  private readonly isDelta: boolean;

  constructor(isDelta: boolean, keepsVersions: boolean, bad: BadTypes) {
    this.isDelta = isDelta;
    this.truth = new Truth(bad);
    this.envoy = createModelEnvoy({ isDelta, keepsVersions, routes: routeNames });
    this.state = this.open();
    this.toServer.push(...this.envoy.connect());
  }

  private open(): StreamState {
    return createStreamState({
      isDelta: this.isDelta,
      rules: testRules,
      open: (heard) => this.cache.open([meshScope], heard),
      onDirty: () => undefined,
      now: () => this.nowMs,
      events: {
        // The outside makes what is asked for.
        onDemand: (_typeUrl, name, isWanted) => {
          if (!isWanted || this.truth.table(cds).has(name)) return;
          this.change(this.truth.cluster(name, false));
        },
        onAck: () => undefined,
        onNack: () => undefined,
        onNamesRefused: () => undefined,
      },
    });
  }

  /** The server learns of changes, as the next generation. */
  change(changes: readonly ResourceChange[]): void {
    this.cache.apply(this.cache.generation() + 1, changes);
  }

  /** The stream breaks, with all that was on its way, and another begins. */
  reconnect(): void {
    this.state.end();
    this.nowMs += 5_000;
    this.state = this.open();
    this.toServer = [...this.envoy.connect()];
    this.toClient = [];
    this.unanswered.clear();
  }

  /** Requests on their way to the server, after those before them. */
  send(requests: readonly ModelRequest[]): void {
    this.toServer.push(...requests);
  }

  /** One message moves, either way; false when nothing does. */
  deliver(): boolean {
    const request = this.toServer.shift();
    if (request !== undefined) {
      this.take(request);
      return true;
    }
    this.pump();
    const response = this.toClient.shift();
    if (response === undefined) return this.toServer.length > 0;
    const answers = this.envoy.receive(response);
    if (answers.some(({ error }) => error !== undefined)) this.countRefusals(response);
    this.toServer.push(...answers);
    return true;
  }

  /** Messages until nothing moves; no time passes. */
  quiesce(): void {
    while (this.deliver());
  }

  /** Time for removals, and messages until nothing moves. */
  settle(): void {
    for (let round = 0; round < 4; round += 1) {
      this.quiesce();
      this.send(this.envoy.expire());
      this.nowMs += 3_000;
    }
  }

  private pump(): void {
    for (const { bytes, typeUrl } of this.state.pump()) {
      const response = readResponse(bytes, this.isDelta);
      expect(this.unanswered.has(typeUrl)).toBe(false);
      this.unanswered.set(typeUrl, response.nonce);
      this.toClient.push(response);
    }
  }

  private take(request: ModelRequest): void {
    const { typeUrl, nonce, error } = request;
    if (this.unanswered.get(typeUrl) === nonce) this.unanswered.delete(typeUrl);
    const said = { nonce, ...(error === undefined ? {} : { error }) };
    if (this.isDelta) this.state.receiveDelta(deltaRequest(typeUrl, { ...request, ...said }));
    else this.state.receiveSotw(sotwRequest(typeUrl, request.names, said));
    this.pump();
  }

  private countRefusals(response: ReadResponse): void {
    for (const { name, text } of response.resources) {
      if (!isBadText(text)) continue;
      const key = `${response.typeUrl} ${name} ${text ?? ''}`;
      this.refusals.set(key, (this.refusals.get(key) ?? 0) + 1);
    }
  }

  /** What the client should hold where nothing is bad. */
  expected(): Held {
    const wanted: Record<string, Record<string, string>> = {};
    for (const [typeUrl, table] of this.truth.tables) {
      if (typeUrl === vhds && !this.isDelta) continue;
      wanted[typeUrl] = {};
      for (const [name, resource] of table) {
        if (!this.covers(typeUrl, name, resource)) continue;
        wanted[typeUrl][name] = resource.version;
      }
    }
    return wanted;
  }

  /** What the client holds. */
  held(): Held {
    const held: Record<string, Record<string, string>> = {};
    for (const [typeUrl, table] of this.envoy.held) {
      if (typeUrl === vhds && !this.isDelta) continue;
      held[typeUrl] = {};
      for (const [name, { version, text }] of table) {
        held[typeUrl][name] = this.isDelta
          ? version
          : (this.versionOf(typeUrl, name, text) ?? text);
      }
    }
    return held;
  }

  private versionOf(typeUrl: string, name: string, text: string): string | undefined {
    const resource = this.truth.table(typeUrl).get(name);
    return Buffer.from(resource?.bytes ?? []).includes(text) ? resource?.version : undefined;
  }

  private covers(typeUrl: string, name: string, resource: XdsResource): boolean {
    if (typeUrl === rds) return routeNames.includes(name);
    if (typeUrl === eds) return this.envoy.held.get(cds)?.has(name) === true;
    return resource.isEager || this.asked.has(name);
  }
}
