/** `inbound.mtls`: whether callers must, may or cannot use mutual TLS, port by port. */
import type { MtlsMode, MtlsSetting } from '../../../model/index.js';
import type { Origin } from '../../../ir/index.js';
import { policyOrigin, type InboundPolicy, type Reach } from '../../to-ir/attach.js';
import type { Finding } from '../../to-ir/finding.js';

const section = 'spec.inbound.mtls';

/** A policy that speaks of mTLS, nearest first in every list. */
interface Speaker {
  readonly policy: InboundPolicy;
  readonly mtls: MtlsSetting;
  readonly reach: Reach;
}

/** What one port accepts. */
export interface MtlsDecision {
  readonly mode: MtlsMode;
  readonly origins: readonly Origin[];
  readonly findings: readonly Finding[];
}

const strength = { Disabled: 0, Permissive: 1, Strict: 2 } as const satisfies Record<
  MtlsMode,
  number
>;

/** Decides one port (undefined: those that nobody declares); `reaching` has the nearest first. */
function decide(
  reaching: readonly { readonly policy: InboundPolicy; readonly reach: Reach }[],
  port: number | undefined,
): MtlsDecision {
  const speakers = reaching.flatMap(({ policy, reach }): Speaker[] =>
    policy.mtls === undefined || policy.isAudit ? [] : [{ policy, reach, mtls: policy.mtls }],
  );
  const [nearest] = speakers;
  if (nearest === undefined) return { mode: 'Permissive', origins: [], findings: [] };
  const mode = modeFrom(speakers, port);
  const findings = conflicts(speakers);
  // The farthest floor: everything nearer than it that is weaker is undone.
  const floor = speakers.findLast((speaker) => isFloored(speaker, port));
  if (floor === undefined || mode === 'Strict') {
    return { mode, origins: [policyOrigin(nearest.policy, section)], findings };
  }
  const lowered = speakers.slice(0, speakers.indexOf(floor)).flatMap((speaker) => {
    const own = ownMode(speaker.mtls, port);
    return own !== undefined && strength[own] < strength.Strict
      ? [overridden(speaker, floor, port)]
      : [];
  });
  return {
    mode: 'Strict',
    origins: [policyOrigin(floor.policy, section)],
    findings: [...findings, ...lowered],
  };
}

function ownMode(mtls: MtlsSetting, port: number | undefined): MtlsMode | undefined {
  return (port === undefined ? undefined : mtls.ports.get(port)) ?? mtls.mode;
}

function isFloored({ mtls }: Speaker, port: number | undefined): boolean {
  return mtls.isFloor && ownMode(mtls, port) === 'Strict';
}

/**
 * The nearest object's word, port before mode. One that gives ports only says nothing of the
 * others: they keep what the next one says, since a silent fall to Permissive would open them.
 */
function modeFrom(speakers: readonly Speaker[], port: number | undefined): MtlsMode {
  for (const { mtls } of speakers) {
    const own = ownMode(mtls, port);
    if (own !== undefined) return own;
  }
  return 'Permissive';
}

function overridden(speaker: Speaker, floor: Speaker, port: number | undefined): Finding {
  const byPort = port !== undefined && speaker.mtls.ports.has(port);
  return {
    object: `TrafficPolicy ${speaker.policy.key}`,
    code: 'Overridden',
    severity: 'warning',
    field: byPort ? `${section}.ports[${String(port)}]` : `${section}.mode`,
    message: `TrafficPolicy ${floor.policy.key} has Strict with floor: true, which nothing nearer can lower`,
  };
}

/** What the younger of two equally near objects says in vain, field by field. */
function conflicts(speakers: readonly Speaker[]): readonly Finding[] {
  const [winner, ...others] = speakers;
  if (winner === undefined) return [];
  return others
    .filter(({ reach }) => reach.rank === winner.reach.rank)
    .flatMap(({ policy, mtls }) =>
      differingFields(mtls, winner.mtls).map(([field, value]): Finding => ({
        object: `TrafficPolicy ${policy.key}`,
        code: 'Conflicted',
        severity: 'error',
        field: `${section}.${field}`,
        value,
        message: `TrafficPolicy ${winner.policy.key} is older and speaks of mtls for the same workloads`,
      })),
    );
}

function differingFields(
  younger: MtlsSetting,
  older: MtlsSetting,
): readonly (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = [];
  if (younger.mode !== undefined && younger.mode !== older.mode)
    fields.push(['mode', younger.mode]);
  for (const [port, mode] of younger.ports) {
    if (older.ports.get(port) !== mode) fields.push([`ports[${String(port)}]`, mode]);
  }
  // A floor counts wherever it stands, so it is never lost to an older object.
  return fields;
}

/** The feature. */
export const mtlsFeature: {
  readonly section: typeof section;
  readonly decide: typeof decide;
} = Object.freeze({ section, decide });
