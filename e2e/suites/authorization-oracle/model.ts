/** Who may call, by the algebra of TrafficPolicy alone: written from its description, with nothing of Skerry's in it. */
import { BlockList } from 'node:net';

/** An entry of `from`. */
export interface FromEntry {
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly spiffe?: string;
  readonly namespaceSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly cidr?: string;
  readonly not?: readonly FromEntry[];
}

/** A rule. */
export interface Rule {
  readonly from?: readonly FromEntry[];
  readonly to?: readonly {
    readonly ports?: readonly number[];
    readonly methods?: readonly string[];
    readonly paths?: readonly string[];
  }[];
  readonly when?: readonly { readonly header: string; readonly values: readonly string[] }[];
}

/** `inbound.authorization` of one policy. */
export interface Authorization {
  readonly default?: 'Allow' | 'Deny' | 'Inherit';
  readonly deny?: readonly Rule[];
  readonly allow?: readonly Rule[];
}

/** A call as the server meets it: `id` is absent in plaintext, `http` on the TCP port. */
export interface Call {
  readonly id?: string;
  /** Of the caller's namespace. */
  readonly labels: Readonly<Record<string, string>>;
  readonly ip: string;
  /** Of the container. */
  readonly port: number;
  readonly http?: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
  };
}

const matches = (pattern: string, text: string): boolean =>
  pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;

function isWithin(cidr: string, ip: string): boolean {
  const [net = '', bits] = cidr.split('/');
  const list = new BlockList();
  list.addSubnet(net, Number(bits));
  return list.check(ip);
}

function isFrom(entry: FromEntry, call: Call): boolean {
  const { namespace, serviceAccount, spiffe, namespaceSelector, cidr, not } = entry;
  const is = (pattern: string): boolean => call.id !== undefined && matches(pattern, call.id);
  const ns = 'spiffe://cluster.local/ns/';
  return (
    (namespace === undefined || is(`${ns}${namespace}/sa/*`)) &&
    (serviceAccount === undefined || is(`${ns}${serviceAccount.replace('/', '/sa/')}`)) &&
    (spiffe === undefined || is(spiffe)) &&
    (namespaceSelector === undefined ||
      (call.id !== undefined &&
        Object.entries(namespaceSelector.matchLabels).every(([k, v]) => call.labels[k] === v))) &&
    (cidr === undefined || isWithin(cidr, call.ip)) &&
    !(not ?? []).some((other) => isFrom(other, call))
  );
}

function namesIdentity({
  namespace,
  serviceAccount,
  spiffe,
  namespaceSelector,
}: FromEntry): boolean {
  return [namespace, serviceAccount, spiffe, namespaceSelector].some((each) => each !== undefined);
}

function isMet({ from, to, when }: Rule, call: Call, isDeny: boolean): boolean {
  const isAnonymous = isDeny && call.id === undefined && (from ?? []).some(namesIdentity);
  if (from !== undefined && !isAnonymous && !from.some((entry) => isFrom(entry, call)))
    return false;
  const { port, http } = call;
  const about = to?.filter(({ ports }) => ports?.includes(port) ?? true) ?? [{}];
  if (about.length === 0) return false;
  if (http === undefined) {
    const asksHttp = ({ methods, paths }: NonNullable<Rule['to']>[number]): boolean =>
      methods !== undefined || paths !== undefined;
    if (when === undefined && !about.every(asksHttp)) return true;
    // What cannot be looked at: an allow never matches; a deny does where it lists the port.
    return isDeny && about.some(({ ports }) => ports?.includes(port) ?? false);
  }
  return (
    about.some(
      ({ methods, paths }) =>
        (methods?.includes(http.method) ?? true) &&
        (paths?.some((path) => matches(path, http.path)) ?? true),
    ) &&
    (when ?? []).every(({ header, values }) => {
      const value = http.headers[header];
      return value !== undefined && values.some((pattern) => matches(pattern, value));
    })
  );
}

/** Whether a call is admitted; `policies` has the nearest target first, no two of which set a default alike near. */
export function isAdmitted(policies: readonly Authorization[], call: Call): boolean {
  const meets = (rules: readonly Rule[] = [], isDeny = false): boolean =>
    rules.some((rule) => isMet(rule, call, isDeny));
  if (policies.some(({ deny }) => meets(deny, true))) return false;
  if (policies.some(({ allow }) => meets(allow))) return true;
  const explicit = policies.find((each) => (each.default ?? 'Inherit') !== 'Inherit');
  if (explicit !== undefined) return explicit.default === 'Allow';
  return policies.every(({ allow }) => allow === undefined);
}
