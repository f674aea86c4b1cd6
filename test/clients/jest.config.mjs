import base from '../../jest.config.mjs';

export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/clients/*.test.ts'],
  testPathIgnorePatterns: [],
  verbose: true,
};
