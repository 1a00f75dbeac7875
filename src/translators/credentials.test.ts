/** Who is given the key pair of a Secret: the callers whose policies name it, by name, and nobody else. */
import { expect, test } from '@jest/globals';
import { typeUrls } from '../envoy/index.js';
import { Redacted } from '../lib/index.js';
import {
  caBundleKey,
  credentialKey,
  type CaBundle,
  type Credential,
  type PodKey,
  type TrafficPolicy,
} from '../model/index.js';
import type { Pipeline } from './index.js';
import { explainQuery } from './index.js';
import { aPod, aPolicy, aService, aSlice, compile, toBatch } from './testing/mesh-builder.js';

const name = 'credential/web/own';
const pods = [
  aPod('client', { namespace: 'web', ips: ['10.1.0.9'], labels: { app: 'client' } }),
  aPod('neighbour', { namespace: 'web', ips: ['10.1.0.8'] }),
  aPod('stranger', { namespace: 'far', ips: ['10.1.0.7'], labels: { app: 'client' } }),
];
const onPartner = { kind: 'Service' as const, namespace: 'shop', name: 'partner' };
const ownPods = [{ kind: 'Pod' as const, selector: { app: 'client' } }];
const shown = { tls: { credential: credentialKey('web', 'own') } };
const bundle: CaBundle = { kind: 'CaBundle', key: caBundleKey('shop', 'signers'), pem: 'x' };

function pair(key: string, fingerprint: string): Credential {
  const keyPem = new Redacted(key);
  const own = { chainPem: 'chain', keyPem, fingerprint };
  return { kind: 'Credential', key: credentialKey('web', 'own'), pair: own };
}

function mesh(...policies: readonly TrafficPolicy[]): Pipeline {
  const tls = { mode: 'Mutual' as const, sni: 'partner.example', caBundle: bundle.key };
  return compile(
    ...[aService('partner'), aSlice('partner', ['192.0.2.1']), bundle, pair('first', '1'), ...pods],
    aPolicy('producer', { targets: [onPartner], outbound: { tls } }),
    ...policies,
  );
}

function holders(pipeline: Pipeline): readonly PodKey[] {
  return pods
    .map(({ key }) => key)
    .filter((key) =>
      pipeline.resources(key).some((one) => one.typeUrl === typeUrls.secret && one.name === name),
    );
}

test('a policy for pods gives it to those pods', () => {
  const own = aPolicy('own', { namespace: 'web', targets: ownPods, outbound: shown });
  expect(holders(mesh(own))).toEqual(['web/client']);
});

test('a consumer’s policy gives it to its namespace', () => {
  const own = aPolicy('own', { namespace: 'web', targets: [onPartner], outbound: shown });
  expect(holders(mesh(own))).toEqual(['web/client', 'web/neighbour']);
});

test.each([
  ['of a pod in another namespace', { namespace: 'far', targets: ownPods }],
  ['of a consumer in another namespace', { namespace: 'far', targets: [onPartner] }],
  ['that is only audited', { namespace: 'web', targets: ownPods, mode: 'Audit' as const }],
  ['of its producer', { namespace: 'shop', targets: [onPartner] }],
])('a policy %s gives it to nobody, whatever got past the parser', (_what, fields) => {
  expect(holders(mesh(aPolicy('own', { ...fields, outbound: shown })))).toEqual([]);
});

test('a new pair is sent alone: no cluster changes', () => {
  const pipeline = mesh(
    aPolicy('own', { namespace: 'web', targets: [onPartner], outbound: shown }),
  );
  const { resources } = pipeline.apply(toBatch([pair('second', '2')]));
  expect(resources.map((one) => [one.scope, one.name])).toEqual([['namespace/web', name]]);
});

test('explain says what is proved and shown, and from which YAML', () => {
  const own = aPolicy('own', { namespace: 'web', targets: ownPods, outbound: shown });
  const { view } = mesh(own);
  const query = {
    from: 'web/client',
    to: 'partner.shop:80',
    method: 'GET',
    path: '/',
    headers: {},
  };
  const explained = explainQuery(view, query, 'cluster.local');
  if (!explained.ok) throw new Error(explained.error);
  const { steps, outcomes } = explained.value;
  expect(steps.find(({ at }) => at === 'tls')).toEqual({
    at: 'tls',
    says: 'TLS with Secret web/own for the name partner.example to 192.0.2.1:8080, which is not in the mesh',
    from: [
      'TrafficPolicy shop/producer spec.outbound.tls.mode',
      'TrafficPolicy shop/producer spec.outbound.tls.sni',
      'TrafficPolicy shop/producer spec.outbound.tls.caBundle',
      'TrafficPolicy web/own spec.outbound.tls.credential',
      'ConfigMap shop/signers',
      'Secret web/own',
    ],
  });
  expect(outcomes).toMatchObject([{ verdict: 'admitted', tls: 'origination' }]);
});

test('explain says why a caller without a certificate is refused', () => {
  const query = {
    from: 'far/stranger',
    to: 'partner.shop:80',
    method: 'GET',
    path: '/',
    headers: {},
  };
  const explained = explainQuery(mesh().view, query, 'cluster.local');
  if (!explained.ok) throw new Error(explained.error);
  expect(explained.value.steps).toContainEqual({
    at: 'cluster',
    says: 'TLS: refused outside the mesh, as no policy of the caller’s names the certificate that is shown',
    from: ['TrafficPolicy shop/producer spec.outbound.tls.credential'],
  });
  expect(explained.value.outcomes).toMatchObject([{ verdict: 'no endpoint' }]);
});
