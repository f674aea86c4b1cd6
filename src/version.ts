import manifest from '../package.json' with { type: 'json' };

/** What this is called in logs, metrics and traces, and which version of it runs. */
export const { name: SERVICE, version: VERSION } = manifest;
