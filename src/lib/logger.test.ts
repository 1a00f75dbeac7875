/** What a log line holds. */
import { expect, test } from '@jest/globals';
import { createLogger, type LogLevel } from './logger.js';
import { Redacted } from './redacted.js';

function record(level: LogLevel): { lines: unknown[]; logger: ReturnType<typeof createLogger> } {
  const lines: unknown[] = [];
  const write = (line: string): void => {
    expect(line.endsWith('\n')).toBe(true);
    lines.push(JSON.parse(line));
  };
  return { lines, logger: createLogger({ level, write }) };
}

test('a line is JSON with level, time, fields and message, and nothing of the machine', () => {
  const { lines, logger } = record('info');
  logger.warn('stream closed', { node: 'shop/web', attempt: 2 });
  expect(lines).toEqual([
    {
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      node: 'shop/web',
      attempt: 2,
      message: 'stream closed',
    },
  ]);
});

test.each<[LogLevel, string[]]>([
  ['info', ['one', 'two', 'three']],
  ['warn', ['two', 'three']],
  ['error', ['three']],
  ['silent', []],
])('level %s lets through %j', (level, expected) => {
  const { lines, logger } = record(level);
  logger.info('one');
  logger.warn('two');
  logger.error('three');
  expect(lines).toEqual(expected.map((message) => expect.objectContaining({ message })));
});

test('an error is written with its type, message, cause and stack', () => {
  const { lines, logger } = record('info');
  logger.error('turn failed', {
    error: new TypeError('no such row', { cause: new Error('deep') }),
  });
  expect(lines).toEqual([
    expect.objectContaining({
      error: expect.objectContaining({
        type: 'TypeError',
        message: expect.stringContaining('no such row: deep'),
        stack: expect.stringContaining('logger.test'),
      }),
    }),
  ]);
});

test('a redacted field, also a nested one, is not written', () => {
  const { lines, logger } = record('info');
  logger.info('token read', {
    token: new Redacted('t0p'),
    nested: { key: new Redacted('s3cret') },
  });
  expect(JSON.stringify(lines)).not.toMatch(/t0p|s3cret/);
  expect(lines).toEqual([
    expect.objectContaining({ token: '[redacted]', nested: { key: '[redacted]' } }),
  ]);
});
