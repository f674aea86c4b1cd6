/**
 * The floor on undici, for reference: what another client than got would leave room for.
 */
import { Pool } from 'undici';
import { serveFloor } from './floor.ts';

const pool = new Pool(process.env.COMMAND_API_URL ?? '', { connections: 256 });

serveFloor(async ({ name, id, param }, authorization) => {
  const { body } = await pool.request({
    method: 'POST',
    path: '/api/v1.0/invoke/open-ability/method/user-commands',
    headers: { 'content-type': 'application/json', accept: 'application/json', authorization },
    body: JSON.stringify({ command: name, id, param }),
  });
  return body.text();
});
