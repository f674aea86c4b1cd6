/**
 * Apollo's own command-line tool against the subgraph that ships, in production mode. Only what it can do without the
 * internet: `rover supergraph compose` and `rover dev` download what composes and routes.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { type DefinitionNode, parse, print } from 'graphql';
import { parse as parseYaml } from 'yaml';
import { readDocument } from '../support/documents.ts';
import { killAll, start } from '../support/process.ts';
import { ROUTER_SECRET } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const SECRET = `Router-Authorization: ${ROUTER_SECRET}`;
// Rover keeps a file in its home, and would report what it was asked to do and look for a newer one.
const HOME = mkdtempSync(join(tmpdir(), 'rover-'));
const ENV = { HOME, APOLLO_TELEMETRY_DISABLED: '1', APOLLO_ROVER_SKIP_UPDATE: '1' };

const subgraph = useSubgraph();

afterEach(killAll);
afterAll(() => rmSync(HOME, { recursive: true }));

/** Runs what `npx rover` runs. */
async function rover(...args: string[]) {
  const child = start(process.execPath, ['node_modules/.bin/rover', ...args], ENV);
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await exit, output, errors };
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** The definitions of a schema in one order and form, without those that federation adds to what a subgraph serves. */
function normalize(sdl: string): string[] {
  return parse(sdl, { noLocation: true })
    .definitions.filter((definition) => !isFederations(definition))
    .map(print)
    .sort();
}

function isFederations(definition: DefinitionNode): boolean {
  if (definition.kind === 'DirectiveDefinition') return true;
  // Only Query is extended, by `_entities` and `_service`.
  if (definition.kind === 'ObjectTypeExtension')
    return definition.fields?.every(({ name }) => /^_/.test(name.value)) ?? false;
  return 'name' in definition && /^(_|link__|federation__)/.test(definition.name?.value ?? '');
}

describe('rover subgraph introspect', () => {
  it('prints our schema, with the router’s secret', async () => {
    const { code, output, errors } = await rover(
      'subgraph',
      'introspect',
      `${subgraph.url}/graphql`,
      '--header',
      SECRET,
    );
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(normalize(output)).toEqual(normalize(readDocument('schema/maintenance.graphql')));
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it.each([
    ['without the secret', []],
    ['with another', ['--header', `${SECRET}x`]],
  ])('prints nothing of it %s', async (_, header) => {
    const { code, output } = await rover('subgraph', 'introspect', `${subgraph.url}/graphql`, ...header);
    expect({ code, output }).toEqual({ code: 1, output: '' });
    expect(subgraph.logs()).toMatchObject([{ msg: 'refused a request without the router secret' }]);
  });
});

describe('rover supergraph config expand', () => {
  it('reads supergraph.yaml as it stands', async () => {
    const { code, output } = await rover('supergraph', 'config', 'expand', '--config', 'supergraph/supergraph.yaml');
    expect(code).toBe(0);
    expect(parseYaml(output)).toEqual(parseYaml(readDocument('supergraph/supergraph.yaml')));
  });
});
