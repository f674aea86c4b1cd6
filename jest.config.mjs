// Without it, what tests load of a gateway's reports to Apollo.
process.env.APOLLO_TELEMETRY_DISABLED = 'true';

export default {
  testEnvironment: 'node',
  // Without node_modules, which jest would read for a second.
  roots: ['<rootDir>/test', '<rootDir>/src', '<rootDir>/dev', '<rootDir>/supergraph'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // Run by `npm run test:routers`, `test:clients`, `test:deploy` and `test:page`.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/(federation/routers/composers|clients|deploy|page)/'],
  extensionsToTreatAsEsm: ['.ts'],
  restoreMocks: true,
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.mjs' },
  // Mostly waiting, five fill two cores.
  maxWorkers: 5,
  // A worker that has loaded everything a dozen times would take too long to end on a busy machine: jest would force it.
  workerIdleMemoryLimit: '300MB',
  // Concurrent tests mostly wait. Within a file, processes start one after the other.
  maxConcurrency: 12,
  // Long, so that no test depends on the speed of the machine. Only a test that hangs takes this long.
  testTimeout: 180_000,
  collectCoverageFrom: ['src/**/*.ts', '!src/**/__generated__/**'],
  collectCoverage: process.env.COVERAGE === '1',
  coverageReporters: ['text', 'lcov'],
  // src/main.ts and src/process.ts run in processes of their own in test/process/, which are not counted.
  coverageThreshold: {
    './src/command-api/': { branches: 95 },
    './src/maintenance/loaders.ts': { branches: 95 },
    './src/maintenance/resolvers.ts': { branches: 95 },
  },
};
