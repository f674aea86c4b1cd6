/** The schema file: how it composes, its directives, and the sizes in its descriptions. routers/composers has more composers. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { composeServices } from '@apollo/composition';
import { describe, expect, it } from '@jest/globals';
import {
  type ASTNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  isObjectType,
  parse,
  print,
  visit,
} from 'graphql';
import { type Service, toServices } from '../../dev/supergraph/compose.ts';
import { SIZES } from '../../src/graphql/limits.ts';
import { ROUTER_SECRET } from '../support/ask.ts';
import { readSchemaWithOldIds } from '../support/documents.ts';
import { directivesOf, SCHEMA, weigh } from '../support/schema.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { COMPOSITIONS, MAINTENANCE_SDL, toService } from '../support/use-supergraph.ts';

const document = parse(MAINTENANCE_SDL);
const subgraph = useSubgraph();

const compose = (services: readonly Service[]) => composeServices(toServices(services));

/** Returns the names of our types that have a field `id` in the supergraph's API. */
function typesWithId(sdl: string): string[] {
  const { schema } = compose([toService('maintenance', sdl)]);
  const types = Object.values(schema?.toAPISchema().toGraphQLJSSchema().getTypeMap() ?? {});
  const objects = types.filter((type) => isObjectType(type));
  return objects.filter((type) => type.getFields().id && SCHEMA.getType(type.name)).map(String);
}

describe('in the supergraph of @apollo/composition', () => {
  it.each(COMPOSITIONS)('it composes without a hint, with a subgraph that refers by the key: %s', (_, services) => {
    const { supergraphSdl, errors, hints } = compose(services);
    expect({ errors, hints }).toEqual({ errors: undefined, hints: [] });
    expect(supergraphSdl).toContain('join__type(graph: MAINTENANCE, key: "residence { id } maintenanceId")');
  });

  it('only entities have a field `id`, or payloads too by the line of docs/federation.md', () => {
    const payloads = ['CreateMaintenancePayload', 'DeleteMaintenanceFailure', 'DeleteMaintenancePayload'];
    expect(typesWithId(MAINTENANCE_SDL).sort()).toEqual(['Maintenance', 'Residence']);
    expect(typesWithId(readSchemaWithOldIds()).sort()).toEqual([...payloads, 'Maintenance', 'Residence'].sort());
  });

  it('directives for costs and contracts stay', () => {
    const count = (sdl = '') => sdl.match(/@(tag\(name: "|cost\(weight: \d|listSize\(assumedSize: \d)/g)?.length;
    expect(count(MAINTENANCE_SDL)).toBeGreaterThan(0);
    expect(count(compose([toService('maintenance', MAINTENANCE_SDL)]).supergraphSdl)).toBe(count(MAINTENANCE_SDL));
  });
});

describe('directives', () => {
  it('weigh 10 by @cost for a batch delete, and 1 for its ids', () => {
    expect(weigh('mutation { deleteMaintenances(ids: []) { deletedIds } }')).toBe(11);
  });

  it('size each list of requests by `first` with @listSize', () => {
    const LIST_SIZE = '@listSize(assumedSize: 20, slicingArguments: ["first"], requireOneSlicingArgument: false)';
    const types = Object.values(SCHEMA.getTypeMap()).filter((type) => isObjectType(type));
    const fields = types.flatMap((type) => Object.values(type.getFields()));
    const lists = fields.filter((field) => String(field.type) === '[Maintenance!]');
    expect(lists.map(({ astNode }) => directivesOf(astNode))).toEqual([LIST_SIZE, LIST_SIZE]);
  });

  it('tag every text as personal data, or its input type, except the message of a failed delete', () => {
    const untagged: string[] = [];
    const isTagged = (node: ASTNode) => directivesOf(node).includes('personal-data');
    const check = (node: FieldDefinitionNode | InputValueDefinitionNode) => {
      if (/^\[?String\b/.test(print(node.type)) && !isTagged(node)) untagged.push(node.name.value);
    };
    visit(document, {
      InputObjectTypeDefinition: (type) => (isTagged(type) ? false : undefined),
      FieldDefinition: check,
      InputValueDefinition: check,
    });
    expect(untagged).toEqual(['message']);
  });
});

describe('descriptions', () => {
  const descriptions = new Map<string, string>();
  const path: string[] = [];
  visit(document, {
    enter(node) {
      if ('name' in node && node.name) path.push(node.name.value);
      if ('description' in node && node.description) descriptions.set(path.join('.'), node.description.value);
    },
    leave(node) {
      if ('name' in node && node.name) path.pop();
    },
  });
  const sizes = Object.entries(SIZES).map(([at, size]) => [
    at,
    Object.values<number>(size).map((one) => one.toLocaleString('en')),
  ]);

  it.each(sizes.filter(([at]) => !String(at).includes('._')))('have the largest size of %s: %s', (at, size) => {
    const description = descriptions.get(String(at).replace(/\((\w+):\)/, '.$1')) ?? '';
    expect(description.match(/(?<=at most |1 to )\d+(,\d+)?/g)).toEqual(size);
  });
});

it('rover subgraph introspect prints the schema, with the secret of the router', async () => {
  // Rover writes to its home. Without the two variables, it sends usage data and looks for updates.
  const HOME = mkdtempSync(join(tmpdir(), 'rover-'));
  const env = { HOME, APOLLO_TELEMETRY_DISABLED: '1', APOLLO_ROVER_SKIP_UPDATE: '1' };
  const header = `Router-Authorization: ${ROUTER_SECRET}`;
  const args = ['subgraph', 'introspect', `${subgraph.url}/graphql`, '--header', header];
  const { stdout } = await promisify(execFile)(process.execPath, ['node_modules/.bin/rover', ...args], { env });
  rmSync(HOME, { recursive: true });
  const ADDED = /^directive|^(scalar|enum|union|type) (_|link__|federation__)|^extend type Query \{\n {2}_/;
  const printed = parse(stdout)
    .definitions.map(print)
    .filter((definition) => !ADDED.test(definition));
  expect(printed.sort()).toEqual(document.definitions.map(print).sort());
});
