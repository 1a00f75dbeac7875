/** Calls that leave the mesh: what egress makes of them, as explain tells it. */
import { isIP } from 'node:net';
import type { EgressIr, Origin } from '../../ir/index.js';
import { allowedCidrs, entryOfHost } from '../policies/egress/allowed.js';
import {
  egressHostsClusterName,
  passthroughClusterName,
  refuseClusterName,
} from '../to-envoy/contract.js';
import { isInCidr } from '../to-ir/address.js';
import type { Call, Explanation, Outcome, Step } from './explain.js';
import { noFacts } from './facts.js';
import type { MeshView } from './mesh-view.js';

/** Where the call goes, as far as is known. */
interface Outside {
  readonly host: string;
  /** Absent: a name whose address only the app looks up. */
  readonly ip?: string;
  readonly port: number;
}

/**
 * The call explained; undefined where it stays in the mesh, or where it is not known which addresses
 * lie outside.
 */
export function explainOutside(
  view: MeshView,
  call: Call,
  ip: string | undefined,
  clusterDomain: string,
): Explanation | undefined {
  const { egress, meshCidrs } = view.outboundListener(call.from);
  if (meshCidrs.length === 0) return undefined;
  const isOutside =
    ip === undefined
      ? isOutsideName(call, egress, clusterDomain)
      : !meshCidrs.some((cidr) => isInCidr(cidr, ip));
  if (!isOutside) return undefined;
  const { host, port } = namedBy(call);
  const { says, field, outcome } = judgeOutside(
    egress,
    { host, port: call.port, ...(ip === undefined ? {} : { ip }) },
    port,
  );
  const from = originTexts(egress.origins, field);
  const steps: Step[] = [
    { at: 'name', says: `${call.host} is no Service: it lies outside the mesh`, from: [] },
    { at: 'listener', says: 'taken by the outbound listener as a call that leaves', from: [] },
    { at: 'verdict', says, from },
  ];
  return { steps, outcomes: [outcome], facts: noFacts };
}

/** A name of no Service: one that egress allows, or that has more labels than Services’ short names. */
function isOutsideName(call: Call, egress: EgressIr, clusterDomain: string): boolean {
  if (entryOfHost(egress, call.host, call.port) !== undefined) return true;
  const { host } = call;
  if (host.endsWith('.svc') || host.endsWith(`.${clusterDomain}`)) return false;
  return host.split('.').filter((label) => label !== '').length > 2;
}

/** The name and port that the connection shows: SNI and port, or the Host of plaintext HTTP. */
function namedBy(call: Call): { readonly host: string; readonly port: number } {
  const header = call.headers['host'];
  if (header === undefined) return { host: call.host, port: call.port };
  const [, host = header, port] = /^(.*?)(?::(\d+))?$/.exec(header) ?? [];
  return { host: host.toLowerCase(), port: port === undefined ? call.port : Number(port) };
}

interface Judged {
  readonly says: string;
  /** Which field’s origin stands behind it; absent: all. */
  readonly field?: 'mode' | 'allow';
  readonly outcome: Outcome;
}

function judgeOutside(egress: EgressIr, { host, ip, port }: Outside, namedPort: number): Judged {
  const to = (verdict: Outcome['verdict'], cluster: string): Outcome => ({
    endpoint: '',
    verdict,
    by: egress.decidedBy === '' ? '' : `${egress.decidedBy}/egress`,
    cluster,
  });
  if (egress.mode === 'AllowAny') {
    const says = 'sent on as it is: egress is AllowAny';
    return { says, field: 'mode', outcome: to('admitted', passthroughClusterName) };
  }
  const cidrs = allowedCidrs(egress, port);
  const cidr = ip === undefined ? undefined : cidrs.find((each) => isInCidr(each, ip));
  if (cidr !== undefined) {
    const says = `sent on as it is: egress allows ${cidr}`;
    return { says, field: 'allow', outcome: to('admitted', passthroughClusterName) };
  }
  const entry = isIP(host) === 0 ? entryOfHost(egress, host, namedPort) : undefined;
  if (entry !== undefined) {
    const says = `egress allows ${entry} by SNI or Host: sent to the address of ${host} that the sidecar looks up`;
    return { says, field: 'allow', outcome: to('admitted', egressHostsClusterName) };
  }
  const known =
    egress.allow.length === 0
      ? ''
      : `, and allows neither this host nor this address on port ${String(port)}`;
  const unless =
    ip === undefined && cidrs.length > 0 ? `, unless it is in ${cidrs.join(' or ')}` : '';
  const says = `refused: egress is KnownOnly${known}${unless}`;
  return { says, outcome: to('refused', refuseClusterName) };
}

function originTexts(origins: readonly Origin[], field?: string): readonly string[] {
  return origins
    .filter((one) => field === undefined || one.field?.endsWith(`.${field}`) === true)
    .map((one) => (one.field === undefined ? one.object : `${one.object} ${one.field}`));
}
