import { spawnSync } from 'node:child_process';
import { it } from '@jest/globals';

const hasJq = !spawnSync('jq', ['--version']).error;
/** Defines a test of shell that needs jq, and the end of its title: the reason if it is skipped. */
export const [itWithJq, skipped] = hasJq ? [it, ''] : [it.skip, '. Skipped: jq is not installed.'];
