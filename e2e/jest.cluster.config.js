/** The suites on a real cluster, which `npm run e2e` brings up: one after another, since they share it. */
import base from '../jest.config.js';

export default {
  ...base,
  testMatch: ['<rootDir>/cluster/**/*.e2e.ts'],
  testTimeout: 240_000,
  maxWorkers: 1,
};
