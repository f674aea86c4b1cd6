/**
 * `npm run emulator`: runs the emulator of the command API alone, for the tests of another team. Every start has the same data.
 */
import { explainStartFailure } from '../src/process.ts';
import { PATH } from './command-api.ts';
import { MORE_RESIDENCES, startCommandApi } from './maintenance/emulation.ts';
import { EXAMPLE } from './maintenance/seed.ts';
import { readOptions } from './options.ts';

const { port } = readOptions('Options:\n  --port NUMBER    the port, by default 5001', {
  port: { type: 'string', default: '5001' },
});
try {
  const { url } = await startCommandApi(Number(port));
  const body = { command: 'get_maintenance_list', id: 'c1', param: { residence_id: EXAMPLE.residenceId } };
  console.log(`
  Command API emulator   ${url}
  Header                 Authorization: Bearer ${EXAMPLE.token}
  In a shell             curl ${url}${PATH} \\
                           -H 'Content-Type: application/json' -H 'Accept: application/json' \\
                           -H 'Authorization: Bearer ${EXAMPLE.token}' -d '${JSON.stringify(body)}'
${MORE_RESIDENCES}`);
} catch (error) {
  const failure = Object.assign(error as Error, { variable: '--port' });
  console.error(explainStartFailure(failure) ?? failure.message);
  process.exit(1);
}
