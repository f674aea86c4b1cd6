/**
 * The floor of what is built on got: a call as got's README has it, with its defaults.
 */
import got from 'got';
import { serveFloor } from './floor.ts';
import { COMMAND } from './vendor.ts';

serveFloor(async ({ name, id, param }, authorization) => {
  const { body } = await got.post(COMMAND.url, { json: { command: name, id, param }, headers: { authorization } });
  return body;
});
