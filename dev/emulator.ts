/**
 * `npm run emulator`: runs the emulator of the command API alone, for the tests of another team. `-- --port 5001` chooses the
 * port. Every start has the same data.
 */
import { PATH } from './command-api.ts';
import { readOptions } from './options.ts';
import { EXAMPLE } from './seed.ts';
import { MORE_RESIDENCES, startCommandApi } from './subgraph.ts';

const DEFAULT_PORT = '5001';

try {
  const { port } = readOptions(
    `Options:
  --port NUMBER    the port, by default ${DEFAULT_PORT}
docs/errors.md has the residences whose commands fail.`,
    { port: { type: 'string', default: DEFAULT_PORT } },
  );
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new Error('--port must be a whole number from 0 to 65535.');
  const { url } = await startCommandApi(Number(port));
  const body = { command: 'get_maintenance_list', id: 'c1', param: { residence_id: EXAMPLE.residenceId } };
  console.log(`
  Command API emulator   ${url}
  Header                 Authorization: Bearer ${EXAMPLE.token}
  In a shell             curl ${url}${PATH} \\
                           -H 'Content-Type: application/json' -H 'Accept: application/json' \\
                           -H 'Authorization: Bearer ${EXAMPLE.token}' -d '${JSON.stringify(body)}'
  More residences        ${MORE_RESIDENCES}
`);
} catch (error) {
  const { code, port, message } = error as NodeJS.ErrnoException & { port?: number };
  console.error(code === 'EADDRINUSE' ? `Another process uses port ${port}. Choose a port with --port.` : message);
  process.exit(1);
}
