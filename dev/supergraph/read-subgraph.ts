/** The schema of another team's subgraph, given on the command line. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

/** Why a tool cannot start. The message is for the person who started it. */
export class CannotStart extends Error {}

/** Reads the schema of `NAME=FILE`, or of the running subgraph of `NAME=URL`. Throws a `CannotStart` if there is none. */
export async function readSubgraph(argument: string): Promise<{ name: string; url: string; sdl: string }> {
  const [, name = '', from = ''] = /^([\w-]+)=(.+)$/.exec(argument) ?? [];
  if (!name) throw new CannotStart(`--subgraph must be NAME=URL or NAME=FILE, not "${argument}".`);
  const isUrl = /^https?:\/\//.test(from);
  const sdl = await (isUrl ? fetchSchema(from) : readFile(from, 'utf8')).catch(() => undefined);
  if (!sdl) throw new CannotStart(`The subgraph "${name}" does not give its schema: ${isUrl ? from : resolve(from)}.`);
  return { name, url: from, sdl };
}

async function fetchSchema(url: string): Promise<string | undefined> {
  const headers = { 'content-type': 'application/json' };
  const body = '{"query":"{ _service { sdl } }"}';
  const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(5000) });
  const { data } = (await response.json()) as { data?: { _service?: { sdl?: string } } };
  return data?._service?.sdl;
}
