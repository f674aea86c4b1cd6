/** How the server reads its environment, for tests of many environments: a process for each would take a second. */
export { type Config, ConfigError, loadConfig } from '../../src/config.ts';
