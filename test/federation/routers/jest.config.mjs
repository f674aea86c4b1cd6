import base from '../../../jest.config.mjs';

export default {
  ...base,
  rootDir: '../../..',
  testMatch: ['<rootDir>/test/federation/routers/*.test.ts'],
  testPathIgnorePatterns: [],
  verbose: true,
  // The tests mostly wait.
  maxWorkers: 3,
};
