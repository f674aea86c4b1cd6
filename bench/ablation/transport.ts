/** Replaces got by undici, without retries, time limits and bounds. The difference to got's floor includes their cost. */
import { Pool } from 'undici';
import type { Command } from '../../src/command-api/command.ts';
import { COMMAND } from '../contenders/vendor.ts';

export function createTransport() {
  const pool = new Pool(COMMAND.origin, { connections: 256 });
  async function send({ name, id }: Command, param: object, { authorization }: { authorization: string }) {
    const { statusCode, body } = await pool.request({
      method: 'POST',
      path: COMMAND.path,
      headers: { 'content-type': 'application/json', accept: 'application/json', authorization },
      body: JSON.stringify({ command: name, id, param }),
    });
    const bytes = await body.bytes();
    return { status: statusCode, chunks: [bytes], bytes: 0 };
  }
  return { send, endpoint: {}, close: () => pool.close() };
}
