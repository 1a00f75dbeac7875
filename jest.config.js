/** Tests run as ES modules; types are stripped by swc and checked by `npm run typecheck`. */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  testMatch: [
    '<rootDir>/src/**/*.test.ts',
    '<rootDir>/demo/**/*.test.ts',
    '<rootDir>/bench/**/*.test.ts',
    '<rootDir>/scripts/**/*.test.mjs',
  ],
  // These need a kube-apiserver: `npm run test:api`.
  testPathIgnorePatterns: ['/node_modules/', '\\.api\\.test\\.ts$'],
  testTimeout: 30000,
};
