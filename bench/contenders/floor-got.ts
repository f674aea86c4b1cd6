/**
 * The floor of what is built on got: it sends through the subgraph's own transport.
 */
import { createCommand } from '../../src/command-api/command.ts';
import { createTransport } from '../../src/command-api/transport.ts';
import { loadConfig } from '../../src/config.ts';
import { createMemory } from '../../src/memory.ts';
import { serveFloor } from './floor.ts';

const memory = createMemory();
const { send } = createTransport(loadConfig());

serveFloor(async ({ name, id, param }, authorization) => {
  const command = { ...createCommand(name, name.startsWith('create'), ''), id };
  const end = new AbortController();
  const share = memory.open();
  const session = {
    headers: { authorization, traceparent: undefined },
    endsAt: performance.now() + 10_000,
    readSignal: end.signal,
    writeSignal: end.signal,
    share,
  };
  try {
    return (await send(command, param, session, end)).text;
  } finally {
    share.close();
  }
});
