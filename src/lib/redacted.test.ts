/** A redacted value shows nowhere but where it is asked for. */
import { expect, test } from '@jest/globals';
import { format, inspect } from 'node:util';
import { Redacted } from './redacted.js';

const secret = new Redacted({ key: 's3cret' });

test.each<[string, string]>([
  ['JSON', JSON.stringify({ secret })],
  ['a template', String(secret)],
  ['a concatenation', ['', secret].join('')],
  ['inspection', inspect({ secret }, { depth: 9, showHidden: true })],
  ['a format', format('%s %o %j', secret, secret, secret)],
  ['its fields', JSON.stringify([Object.entries(secret), Object.assign({}, secret)])],
])('%s does not show it', (_, text) => {
  expect(text).not.toContain('s3cret');
});

test('it prints a mark in its place', () => {
  expect(JSON.stringify({ secret })).toBe('{"secret":"[redacted]"}');
  expect(inspect({ secret })).toBe('{ secret: [redacted] }');
});

test('it is revealed on demand', () => {
  expect(secret.reveal()).toEqual({ key: 's3cret' });
});
