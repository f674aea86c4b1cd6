import manifest from '../package.json' with { type: 'json' };

/** The service's name and version in logs, metrics and traces. */
export const { name: SERVICE, version: VERSION } = manifest;
