/** undici in got's place: no retries, no time limits, no bounds. What any of them costs is in the difference to got's floor. */
import { Pool } from 'undici';
import type { Command } from '../../src/command-api/command.ts';
import type { Config } from '../../src/config.ts';

const PATH = '/api/v1.0/invoke/open-ability/method/user-commands';

export function createTransport({ COMMAND_API_URL }: Config) {
  const pool = new Pool(COMMAND_API_URL, { connections: 256 });
  async function send({ name, id }: Command, param: object, { authorization }: { authorization: string }) {
    const { statusCode, body } = await pool.request({
      method: 'POST',
      path: PATH,
      headers: { 'content-type': 'application/json', accept: 'application/json', authorization },
      body: JSON.stringify({ command: name, id, param }),
    });
    const bytes = await body.bytes();
    return { status: statusCode, chunks: [bytes], bytes: 0 };
  }
  return { send, close: () => pool.close() };
}
