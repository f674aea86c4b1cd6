/**
 * Sends commands with undici, for the fastest contenders. Its README recommends `request` for speed. Its Pool keeps
 * connections alive.
 */
import { Pool } from 'undici';
import { COMMAND, type Send } from './vendor.ts';

// As many as this subgraph has. Without a bound, the command API would run out of files.
const pool = new Pool(COMMAND.origin, { connections: 256 });

export const send: Send = async (command, authorization) => {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: COMMAND.path,
    headers: { 'content-type': 'application/json', accept: 'application/json', authorization },
    body: JSON.stringify(command),
  });
  if (statusCode < 200 || statusCode > 299) {
    // Undici keeps the connection only once the body was read.
    await body.dump();
    throw new Error(`The command API answered ${statusCode}.`);
  }
  return body.json();
};
