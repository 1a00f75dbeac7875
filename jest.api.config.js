/** Tests against a real kube-apiserver: files share one, and keep to namespaces of their own. */
import base from './jest.config.js';

export default {
  ...base,
  testMatch: ['<rootDir>/src/**/*.api.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 120_000,
};
