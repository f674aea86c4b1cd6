import manifest from '../package.json' with { type: 'json' };

/** What this is called in logs, metrics and traces, and which version of it runs. */
export const SERVICE = manifest.name;
export const VERSION = manifest.version;
