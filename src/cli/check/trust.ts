/** Whether the authority stands, and is known to all who verify by it. */
import { X509Certificate } from 'node:crypto';
import type { CaView } from '../../admin/index.js';
import { injectedNames } from '../../webhook/index.js';
import { formatAge } from '../age.js';
import { at, listAt, textAt } from '../cluster/objects.js';
import { installObjects } from '../install/objects.js';
import { defaultInstall, systemNamespace } from '../install/options.js';
import { webhookPath } from '../install/paths.js';
import { enrolledNamespaces } from './admission.js';
import type { Check, CheckFinding, CheckOutcome } from './check.js';
import type { AskedReplica, Facts } from './facts.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Roots live for years: a rotation has time. */
const rootWarningMs = 90 * dayMs;
/** Of 30 days, renewed after 15. */
const serverWarningMs = 10 * dayMs;

/** Certificates of a PEM text; those that cannot be read are left out. */
function certificatesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}

/** What is wrong with the ends of roots. */
export function rootFindings(pem: string, nowMs: number): readonly CheckFinding[] {
  const roots = certificatesOf(pem).map(({ subject, validTo }) => ({
    name: /CN=(.*)/.exec(subject)?.[1] ?? subject,
    leftMs: Date.parse(validTo) - nowMs,
  }));
  const left = (ms: number): string => (ms > 0 ? `ends in ${formatAge(ms)}` : 'has ended');
  if (roots.every(({ leftMs }) => leftMs <= 0)) {
    const says = roots.map(({ name, leftMs }) => `${name} ${left(leftMs)}`).join(', ');
    return [{ code: 'RootExpired', says: says === '' ? 'no root can be read' : says }];
  }
  return roots
    .filter(({ leftMs }) => leftMs < rootWarningMs)
    .map(({ name, leftMs }) => ({ code: 'RootExpiring', says: `${name} ${left(leftMs)}` }));
}

/** What the authority itself warns of, but for roots, which are looked at in the bundle. */
function issuerFindings({ alarms, nowMs }: CaView): readonly CheckFinding[] {
  return alarms
    .filter(({ what }) => what !== 'root')
    .map(({ what, notAfterMs, remedy }) => ({
      code: 'IssuerExpiring',
      says: `${what} ends in ${formatAge(notAfterMs - nowMs)}: ${remedy}`,
    }));
}

function serverFindings(asked: readonly AskedReplica[]): readonly CheckFinding[] {
  return asked.flatMap(({ pod, state }): readonly CheckFinding[] => {
    const leftMs = (state?.authority.serverNotAfterMs ?? Infinity) - (state?.nowMs ?? 0);
    if (leftMs > serverWarningMs) return [];
    const says = `${pod}: its certificate ${leftMs > 0 ? `ends in ${formatAge(leftMs)}` : 'has ended'}`;
    return [{ code: 'ServerCertificateExpiring', says }];
  });
}

const secretPath = `/api/v1/namespaces/${systemNamespace}/secrets/skerry-ca`;
const metadataOnly = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

/** Nobody needs to read the Secret to know whether it is there; who may not even that is not bothered. */
async function secretFindings(facts: Facts): Promise<readonly CheckFinding[]> {
  try {
    await facts.client.send({ method: 'GET', path: secretPath, accept: metadataOnly });
  } catch (error) {
    const status = numberOf(error);
    if (status === 404) {
      return [{ code: 'AuthorityLost', says: `there is no Secret ${systemNamespace}/skerry-ca` }];
    }
    if (status !== 403) throw error;
  }
  return [];
}

function numberOf(error: unknown): number | undefined {
  return error instanceof Error && 'status' in error && typeof error.status === 'number'
    ? error.status
    : undefined;
}

/** The trust bundle as the replicas have it; undefined: none says. */
export async function currentBundle(facts: Facts): Promise<string | undefined> {
  return (await facts.replicas()).find(({ state }) => state !== undefined)?.state?.authority.bundle;
}

/** Whether the authority is whole, and good for a while. */
export const authorityCheck: Check = {
  name: 'authority',
  needs: ['control-plane'],
  async look(facts): Promise<CheckOutcome> {
    const asked = await facts.replicas();
    const bundles = new Set(asked.flatMap(({ state }) => state?.authority.bundle ?? []));
    const [bundle = ''] = bundles;
    const differ: readonly CheckFinding[] =
      bundles.size < 2
        ? []
        : [{ code: 'AuthoritiesDiffer', says: `${String(bundles.size)} different trust bundles` }];
    const roots = certificatesOf(bundle);
    const ends = roots.map(({ validTo }) => Date.parse(validTo) - facts.nowMs());
    const soonest = ends.length === 0 ? '' : `, the first ends in ${formatAge(Math.min(...ends))}`;
    const findings = [
      ...differ,
      ...rootFindings(bundle, facts.nowMs()),
      ...issuerFindings(await facts.authority()),
      ...serverFindings(asked),
      ...(await secretFindings(facts)),
    ];
    return { says: `${String(roots.length)} roots${soonest}`, findings };
  },
};

/** Fields of the webhook that decide who is injected; the certificate is not ours to compare. */
const webhookFields = [
  ...['rules', 'namespaceSelector', 'objectSelector', 'failurePolicy', 'matchPolicy'],
  ...['reinvocationPolicy', 'sideEffects', 'timeoutSeconds'],
];

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, one]) => [key, sorted(one)] as const);
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function changedFields(hook: unknown): readonly string[] {
  const configuration = installObjects(defaultInstall).find(
    ({ kind }) => kind === 'MutatingWebhookConfiguration',
  );
  const [wanted] = listAt(configuration, 'webhooks');
  const text = (object: unknown, field: string): string =>
    JSON.stringify([sorted(at(object, field))]);
  return webhookFields.filter((field) => text(hook, field) !== text(wanted, field));
}

/** Whether the API server would call the webhook, and know it. */
export const webhookCheck: Check = {
  name: 'webhook',
  needs: ['control-plane'],
  async look(facts): Promise<CheckOutcome> {
    const hooks = listAt(await facts.read(webhookPath), 'webhooks');
    const [hook] = hooks;
    if (hook === undefined) {
      const says = 'there is no MutatingWebhookConfiguration skerry-injector';
      return { says, findings: [{ code: 'WebhookMissing', says }] };
    }
    const changed = changedFields(hook);
    const bundle = (await currentBundle(facts)) ?? '';
    const isTrusted =
      textAt(hook, 'clientConfig', 'caBundle') === Buffer.from(bundle).toString('base64');
    const findings: readonly CheckFinding[] = [
      ...(changed.length === 0
        ? []
        : [{ code: 'WebhookChanged' as const, says: `changed: ${changed.join(', ')}` }]),
      ...(isTrusted
        ? []
        : [{ code: 'WebhookUntrusted' as const, says: 'its caBundle is not the trust bundle' }]),
    ];
    return { says: 'called for pods of enrolled namespaces', findings };
  },
};

/** Whether sidecars that start find the roots by which they know the control plane. */
export const trustBundlesCheck: Check = {
  name: 'trust-bundles',
  needs: ['control-plane'],
  async look(facts): Promise<CheckOutcome> {
    const pods = await facts.pods();
    const inUse = pods.filter(({ hasSidecar }) => hasSidecar).map(({ namespace }) => namespace);
    const needed = [...new Set([...(await enrolledNamespaces(facts)), ...inUse])].sort();
    const query = { fieldSelector: `metadata.name=${injectedNames.rootConfigMap}` };
    const found = await facts.list('/api/v1/configmaps', query);
    const bundleOf = new Map(
      found.map((one) => [
        textAt(one, 'metadata', 'namespace') ?? '',
        textAt(one, 'data', 'root.pem') ?? '',
      ]),
    );
    const bundle = (await currentBundle(facts)) ?? '';
    const findings = needed.flatMap((namespace): readonly CheckFinding[] => {
      const held = bundleOf.get(namespace);
      if (held === bundle) return [];
      const code = held === undefined ? 'TrustBundleMissing' : 'TrustBundleStale';
      return [{ code, says: `namespace ${namespace}` }];
    });
    return { says: `published in ${String(needed.length)} namespaces`, findings };
  },
};
