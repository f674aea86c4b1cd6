/** `npm run dev`: the emulated command API with its data, and a subgraph that restarts when src/ or schema/ changes. */
import { spawn } from 'node:child_process';
import { firstSignal } from '../src/process.ts';
import { freePort } from './command-api.ts';
import { startCommandApi } from './maintenance/emulation.ts';
import { readOptions } from './options.ts';

readOptions('There are no options. docs/configuration.md has the environment variables, such as PORT.', {});
const env: NodeJS.ProcessEnv = { ...process.env, COMMAND_API_URL: (await startCommandApi()).url };
// Otherwise, each restart would take another port.
if (env.PORT === '0') env.PORT = String(await freePort());
// On Linux, Node can miss a file that is replaced again and again, as `sed -i` does: then save another file.
const watch = [...process.execArgv, '--watch-path=src', '--watch-path=schema', '--watch-preserve-output'];
const watcher = spawn(process.execPath, [...watch, 'dev/reloading.ts'], { env, stdio: ['pipe', 'inherit', 'inherit'] });
// The first subgraph that starts reads this line.
watcher.stdin.write('describe\n');
process.exitCode = 1;
watcher.on('exit', () => process.exit());
watcher.kill(await firstSignal());
process.exitCode = 0;
