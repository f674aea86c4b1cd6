/** The schema file: its descriptions, its directives in the supergraph, and `npm run lint:schema`. */
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { composeServices as composeApollo } from '@apollo/composition';
import { describe, expect, it } from '@jest/globals';
import { composeServices as composeGuild, composeSchemaContract } from '@theguild/federation-composition';
import {
  buildSchema,
  type FieldDefinitionNode,
  type GraphQLObjectType,
  type InputValueDefinitionNode,
  isObjectType,
  Kind,
  parse,
  print,
  visit,
} from 'graphql';
import { compareSchemas } from '../../dev/schema-changes.ts';
import { SIZES } from '../../src/graphql/limits.ts';
import { ROUTER_SECRET } from '../support/ask.ts';
import { ERRORS, readDocument, readKeys } from '../support/documents.ts';
import { directivesOf, SCHEMA, weigh } from '../support/schema.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { WIRE } from '../support/wire.ts';

const COMMAND_API = readDocument('docs/command-api.md');
const sdl = readDocument('schema/maintenance.graphql');
const document = parse(sdl);
const subgraph = useSubgraph();

/** The description of each element, by its coordinate. */
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

/** The vendor's terms of elements, by coordinate or by name. docs/command-api.md has those of the commands. */
const TERMS: Readonly<Record<string, string>> = {
  Maintenance: '报修, 报修管理API, 访问令牌',
  Residence: '住宅',
  residence: '住宅',
  'Maintenance.id': '住宅ID, 报修ID',
  'Residence.id': '住宅ID',
  residenceId: '住宅ID',
  maintenanceId: '报修ID',
  startTime: '开始时间',
  finishTime: '结束时间',
  createdTime: '创建时间',
  description: '描述',
  contact: '联系人',
  pictureUrls: '报修图片地址',
  pictureFilenames: '文件名',
  feedback: '反馈',
  state: '状态',
  states: '状态',
  ids: '报修信息',
  Input: '报修信息',
  START_TIME_ASC: '开始时间',
  START_TIME_DESC: '开始时间',
  CREATED_TIME_ASC: '创建时间',
  CREATED_TIME_DESC: '创建时间',
  MaintenanceState: '状态',
  WAIT_FOR_CONFIRMATION: '待确认',
  IN_PROGRESS: '进行中',
  COMPLETED: '已完成',
  CLOSED: '已关闭',
  UNAUTHENTICATED: '访问令牌',
  'Residence.maintenances': '获取报修列表',
};
const OF_COMMANDS = new Map(
  WIRE.map(({ name, operation, root }) => {
    const [, term = ''] = new RegExp(`\\| \`${name}\` \\((.+?)\\) `).exec(COMMAND_API) ?? [];
    return [`${operation === 'query' ? 'Query' : 'Mutation'}.${root}`, term];
  }),
);

describe('the schema', () => {
  it('has the terms of the vendor’s page in brackets in its descriptions, and no other terms', () => {
    const found: Record<string, string> = {};
    const expected: Record<string, string> = {};
    for (const [coordinate, text] of descriptions) {
      const brackets = text.matchAll(/\(([^()]*\p{Script=Han}[^()]*)\)/gu);
      const name = String(/\w+$/.exec(coordinate)).replace(/^\w+(?=Input$)/, '');
      found[coordinate] = Array.from(brackets, ([, inside]) => inside).join(', ');
      expected[coordinate] = OF_COMMANDS.get(coordinate) ?? TERMS[coordinate] ?? TERMS[name] ?? '';
    }
    expect(found).toEqual(expected);
  });

  it('describes each error code of docs/errors.md once', () => {
    const codes = [...descriptions.keys()].flatMap((one) => /^MaintenanceErrorCode\.(.+)/.exec(one)?.[1] ?? []);
    const others = descriptions.get('MaintenanceErrorCode')?.match(/(?<=^- .*`)[A-Z_]+(?=`)/gm) ?? [];
    expect([...codes, ...others].sort()).toEqual(readKeys(ERRORS, 'code').sort());
  });

  const sizes = Object.entries(SIZES).map(([at, size]) => [
    at,
    Object.values<number>(size).map((one) => one.toLocaleString('en')),
  ]);

  it.each(sizes.filter(([at]) => !String(at).includes('._')))('describes the largest size of %s: %s', (at, size) => {
    const description = descriptions.get(String(at).replace(/\((\w+):\)/, '.$1')) ?? '';
    expect(description.match(/(?<=at most |1 to )\d+(,\d+)?/g)).toEqual(size);
  });
});

describe('directives', () => {
  const services = [{ name: 'maintenance', url: 'http://maintenance.test/graphql', typeDefs: document }];

  it('weigh 10 by @cost for a batch delete, and 1 for its ids', () => {
    expect(weigh('mutation { deleteMaintenances(ids: []) { deletedIds } }')).toBe(11);
  });

  it('size each list of entities by `first` with @listSize', () => {
    const elementOf = (type: unknown) => SCHEMA.getType(/^\[(\w+)/.exec(String(type))?.[1] ?? '');
    const lists = Object.values(SCHEMA.getTypeMap()).flatMap((type) =>
      (isObjectType(type) ? Object.values(type.getFields()) : [])
        .filter((field) => directivesOf(elementOf(field.type)?.astNode).includes('@key'))
        .map(({ name, astNode }) => [`${type.name}.${name}`, directivesOf(astNode)]),
    );
    const LIST_SIZE = '@listSize(assumedSize: 20, slicingArguments: ["first"], requireOneSlicingArgument: false)';
    expect(lists).toEqual([
      ['Residence.maintenances', LIST_SIZE],
      ['Query.maintenances', LIST_SIZE],
    ]);
  });

  it('reach the supergraphs of @apollo/composition and @theguild/federation-composition', async () => {
    for (const { supergraphSdl } of [composeApollo(services), composeGuild(services)]) {
      const changes = await compareSchemas(sdl, String(supergraphSdl));
      expect(changes.filter(({ message }) => /@(cost|listSize|tag)\(/.test(message))).toEqual([]);
    }
  });

  it('tag every text as personal data, or its input type, except our own messages', () => {
    const OWN = ['DeleteMaintenanceFailure.message'];
    const untagged: string[] = [];
    const check = (node: FieldDefinitionNode | InputValueDefinitionNode, at: string) => {
      const isTagged = directivesOf(node).includes('personal-data') || OWN.includes(at);
      const rule = `${at}: add @tag(name: "personal-data") to it or to its input type in schema/maintenance.graphql`;
      if (/^\[?String\b/.test(print(node.type)) && !isTagged) untagged.push(rule);
    };
    for (const definition of document.definitions) {
      if (!('fields' in definition) || directivesOf(definition).includes('personal-data')) continue;
      for (const node of definition.fields ?? []) {
        const at = `${definition.name.value}.${node.name.value}`;
        check(node, at);
        if ('arguments' in node)
          for (const argument of node.arguments ?? []) check(argument, `${at}(${argument.name.value}:)`);
      }
    }
    expect(untagged).toEqual([]);
  });

  it('make a contract without personal data by @tag, which composes', () => {
    const { publicSdl } = composeSchemaContract(services, { include: new Set(), exclude: new Set(['personal-data']) });
    const contract = buildSchema(String(publicSdl));
    for (const definition of document.definitions) {
      if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) continue;
      const untagged =
        definition.fields?.filter((field) => !/personal-data|@inaccessible/.test(directivesOf(field))) ?? [];
      const type = contract.getType(definition.name.value) as GraphQLObjectType | undefined;
      // Without its mutation, a payload is not in the contract.
      if (!type && definition.name.value.endsWith('Payload')) continue;
      expect(Object.keys(type?.getFields() ?? {}).sort()).toEqual(untagged.map(({ name }) => name.value).sort());
    }
    const texts = [...descriptions].filter(([at]) => !/Maintenance\.(description|contact|feedback)|Input/.test(at));
    const naming = texts.filter(([, text]) => /\b(description|contact|feedback)\b/i.test(text));
    expect(naming.map(([at]) => `${at} names a tagged field in its description`)).toEqual([]);
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

describe('npm run lint:schema', () => {
  /** File → content. After `#!`, each line names the rules that it breaks. The lint of an app does not check the fields. */
  const FILES: Readonly<Record<string, string>> = {
    'schema/maintenance.graphql': `
"""D""" schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@tag"]) { query: Query } #! no-restricted-syntax
"""D""" #! no-restricted-syntax
type Query {
  """D""" getThing: String """D""" listOfThings: String #! naming-convention naming-convention
  """D""" postponed: String """D""" createThing: String #! naming-convention
  """D""" Thing: Thing """D""" things("""D""" Of: String, a: String): [Thing!] #! naming-convention naming-convention require-description
  """D""" other("""D""" order: OrderInput, """D""" filter: ThingFilter): [Thing!]
  """D""" thing: Thing! #! require-nullable-result-in-root
  """D""" a: [ThingType] """D""" b: [ObjectThing] """D""" c: [ThingInterface] """D""" d: [EnumThing]
}
type Mutation { """D""" createThing: Thing }
"""D""" type Thing @key(fields: "id") @tag(name: "internal") { #! no-restricted-syntax
  """D""" id: ID! @tag(name: "personal-data")
  "D" a: String #! description-style
  # D #! no-hashtag-description
  b: String #! require-description
  """D""" c: String @deprecated """D""" d: String @deprecated(reason: "R") #! require-deprecation-reason
}
type ThingType { """D""" a: String } #! naming-convention require-description
"""D""" type ObjectThing { """D""" a: String } #! naming-convention
"""D""" interface ThingInterface { """D""" a: String } #! naming-convention
"""D""" type thing implements ThingInterface { """D""" a: String } #! naming-convention
"""D""" enum EnumThing { """D""" aThing B_THING } #! naming-convention naming-convention require-description
"""D""" enum OrderInput { """D""" UP } """D""" input ThingFilter { """D""" A: String } #! naming-convention naming-convention naming-convention
"""D""" type Unused { """D""" a: String } #! no-unreachable-types
"""D""" directive @Special on FIELD_DEFINITION #! naming-convention no-unreachable-types
query { __typename } #! no-restricted-syntax`,
    'examples/example.graphql': `
query Valid { thing { id } }
query { things { nope } } #! no-anonymous-operations lone-anonymous-operation fields-on-correct-type`,
    'apps/one/a.graphql': `
query Valid { things { nope } }
query { thing { id id } } #! no-anonymous-operations no-duplicate-fields
type Thing { id: ID } #! executable-definitions`,
  };

  it('reports each fault at its line, and nothing else', () => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const folder = mkdtempSync(join(tmpdir(), 'lint-'));
    cpSync(join(root, 'eslint.config.mjs'), join(folder, 'eslint.config.mjs'));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const [name, text] of Object.entries(FILES)) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const args = ['--max-warnings', '0', '--format', 'json', 'schema', 'examples', 'apps'];
    const { status, stdout, stderr } = spawnSync('node_modules/.bin/eslint', args, { cwd: folder, encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect(stderr).toBe('');
    const files: { filePath: string; messages: { line: number; ruleId: string }[] }[] = JSON.parse(stdout);
    const found = files.flatMap(({ filePath, messages }) =>
      messages.map(({ line, ruleId }) => `${relative(folder, filePath)}:${line} ${basename(ruleId)}`),
    );
    const marked = Object.entries(FILES).flatMap(([name, text]) =>
      text.split('\n').flatMap((line, index) => {
        const rules = line.split('#! ')[1]?.split(' ') ?? [];
        return rules.map((rule) => `${name}:${index + 1} ${rule}`);
      }),
    );
    expect(status).toBe(1);
    expect(found.sort()).toEqual(marked.sort());
  });
});
