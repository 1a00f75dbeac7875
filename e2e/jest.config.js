/** The suites that prove claims by real traffic: one after another, since each brings up a mesh of its own. */
import base from '../jest.config.js';

export default {
  ...base,
  testMatch: ['<rootDir>/{suites,long}/**/*.e2e.ts'],
  testTimeout: 120_000,
  maxWorkers: 1,
};
