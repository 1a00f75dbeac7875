/** What is remembered of refusals, and for how long. */
import { expect, test } from '@jest/globals';
import { policyKey, type PolicyKey } from '../model/index.js';
import type { XdsResource } from '../xds/index.js';
import { createRejections, type Rejections } from './rejections.js';

const canary = policyKey('b', 'canary');

function made(name: string, hash: string, key: PolicyKey = canary): XdsResource {
  return {
    typeUrl: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
    name,
    version: hash,
    bytes: new Uint8Array(),
    isEager: true,
    origins: [{ object: 'Service b/reviews' }, { object: `TrafficPolicy ${key}`, hash }],
  };
}

/** Rejections while the newest form of the canary is `wanted.hash`, which was refused. */
function rejectionsOf(wanted: { hash: string }): Rejections {
  return createRejections((key, hash) => key === canary && hash === wanted.hash);
}

test('a refusal is remembered for the sidecar that refused', () => {
  const rejections = rejectionsOf({ hash: 'bad' });
  const rejection = { resource: made('http/x', 'bad'), message: 'too large' };
  rejections.note('a/frontend', rejection);
  expect(rejections.of('a/frontend')).toEqual([rejection]);
  expect(rejections.of('b/reviews')).toEqual([]);
});

test('an edit of the policy ends it', () => {
  const wanted = { hash: 'bad' };
  const rejections = rejectionsOf(wanted);
  rejections.note('a/frontend', { resource: made('http/x', 'bad'), message: 'too large' });
  wanted.hash = 'mended';
  expect(rejections.of('a/frontend')).toEqual([]);
});

test('a later refusal of the same resource replaces the one before', () => {
  const rejections = rejectionsOf({ hash: 'bad' });
  rejections.note('a/frontend', { resource: made('http/x', 'bad'), message: 'first' });
  rejections.note('a/frontend', { resource: made('http/x', 'bad'), message: 'second' });
  rejections.note('a/frontend', { resource: made('http/y', 'bad'), message: 'other' });
  expect(rejections.of('a/frontend').map(({ message }) => message)).toEqual(['second', 'other']);
});

test('a resource that no refused policy is behind is not remembered', () => {
  const rejections = rejectionsOf({ hash: 'bad' });
  rejections.note('a/frontend', {
    resource: made('http/x', 'bad', policyKey('b', 'other')),
    message: 'too large',
  });
  expect(rejections.of('a/frontend')).toEqual([]);
});

test('a sidecar whose pod is gone is forgotten', () => {
  const rejections = rejectionsOf({ hash: 'bad' });
  rejections.note('a/frontend', { resource: made('http/x', 'bad'), message: 'too large' });
  rejections.forget('a/frontend');
  expect(rejections.of('a/frontend')).toEqual([]);
});
