/**
 * `npm run schema:check` on made-up schemas: what counts as breaking, what it is compared with, and which app it breaks.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { compareSchemas } from '../../dev/schema-changes.ts';

const PROGRAM = fileURLToPath(new URL('../../dev/schema-check.ts', import.meta.url));

const BASE = `
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@inaccessible", "@key", "@shareable", "@tag"])
type Query {
  thing(id: ID!): Thing
  things(by: SearchInput, first: Int, painted: [Colour!]): [Thing!]
}
type Thing @key(fields: "id") @key(fields: "box { id } number") {
  id: ID! @tag(name: "public")
  number: Int
  box: Box @shareable
  old: String @deprecated(reason: "R")
  colour: Colour
}
type Box @key(fields: "id") {
  id: ID!
}
enum Colour {
  RED
  BLUE
}
input SearchInput {
  like: ThingInput
}
input ThingInput {
  number: Int
}
`;

const edit = (from: string, to: string) => {
  if (!BASE.includes(from)) throw new Error(`The schema has no ${from}`);
  return BASE.replace(from, to);
};

describe('a change', () => {
  it.each([
    ['a field that goes', '  number: Int\n  box', '  box', 'breaking', /Field 'number' was removed/],
    ['another type of a field', 'colour: Colour', 'colour: String', 'breaking', /'Colour' to 'String'/],
    ['a value that goes', '  BLUE\n', '', 'breaking', /'BLUE' was removed/],
    [
      'an argument that has to be given',
      'thing(id: ID!)',
      'thing(id: ID!, by: ID!)',
      'breaking',
      /Argument 'by: ID!' added to field 'Query.thing'/,
    ],
    ['an input that has to be given', '{\n  number: Int\n}', '{\n  number: Int!\n}', 'breaking', /'Int' to 'Int!'/],
    [
      'one @key of two',
      ' @key(fields: "box { id } number")',
      '',
      'breaking',
      /'@key\(fields: "box \{ id \} number"\)' was removed from 'Thing'/,
    ],
    ['the only @key', 'type Box @key(fields: "id")', 'type Box', 'breaking', /@key.* was removed from 'Box'/],
    [
      'another @key',
      'type Box @key(fields: "id")',
      'type Box @key(fields: "id x")',
      'breaking',
      /@key.* was removed from 'Box'/,
    ],
    [
      'a @key that no longer resolves',
      'type Box @key(fields: "id")',
      'type Box @key(fields: "id", resolvable: false)',
      'breaking',
      /@key.* was removed from 'Box'/,
    ],
    ['what is shared no longer', ' @shareable', '', 'breaking', /@shareable' was removed from 'Thing.box'/],
    [
      'what is kept from clients',
      'number: Int\n  box',
      'number: Int @inaccessible\n  box',
      'breaking',
      /@inaccessible' was added to 'Thing.number'/,
    ],
    ['a new value', '  BLUE\n', '  BLUE\n  GREEN\n', 'dangerous', /'GREEN' was added/],
    ['a tag that goes', ' @tag(name: "public")', '', 'dangerous', /@tag.* was removed from 'Thing.id'/],
    [
      'a weight',
      '  number: Int\n  box',
      '  number: Int @cost(weight: 5)\n  box',
      'dangerous',
      /@cost\(weight: 5\)' was added to 'Thing.number'/,
    ],
    ['another federation', 'v2.9', 'v2.10', 'dangerous', /@link.* was removed from 'schema'/],
    [
      'a new field',
      '  number: Int\n  box',
      '  number: Int\n  size: Int @tag(name: "x")\n  box',
      'safe',
      /'size' was added/,
    ],
    [
      'a new @key',
      'type Box @key(fields: "id")',
      'type Box @key(fields: "id") @key(fields: "name")',
      'safe',
      /@key.* was added to 'Box'/,
    ],
    [
      'a deprecation',
      '  number: Int\n  box',
      '  number: Int @deprecated(reason: "R")\n  box',
      'safe',
      /'Thing.number' is deprecated/,
    ],
    ['a description', 'type Box', '"""D"""\ntype Box', 'safe', /'Box' has description 'D'/],
  ] as const)('%s', async (_, from, to, level, message) => {
    const [worst] = await compareSchemas(BASE, edit(from, to));
    expect(worst).toMatchObject({ level, message: expect.stringMatching(message) });
  });

  it.each([
    ['comes', (sdl: string) => [sdl, BASE], /'box' was added/],
    ['goes', (sdl: string) => [BASE, sdl], /'box' was removed/],
  ])('of a directive is none of its own where its element %s', async (_, order, message) => {
    const [before = '', after = ''] = order(edit('  box: Box @shareable\n', '').replace('box { id } ', ''));
    const changes = await compareSchemas(before, after);
    const own = changes.map((change) => change.message).filter((text) => /box'|shareable/.test(text));
    expect(own).toEqual([expect.stringMatching(message)]);
  });

  it('is none in spaces or the order of arguments', async () => {
    const key = '@key(fields: "box { id } number", resolvable: false)';
    const before = edit('@key(fields: "box { id } number")', key);
    const after = before.replace(key, '@key( resolvable: false fields: "box  { id } number" )');
    expect(await compareSchemas(before, after)).toEqual([]);
  });
});

describe('the program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'schema-check-'));
  const write = (file: string, text: string) => {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  const SCHEMA = 'schema/maintenance.graphql';
  const BASELINE = 'schema/baseline/maintenance.graphql';
  const DECLARED = 'schema/baseline/breaking-changes.json';
  const WITHOUT_BLUE = edit('  BLUE\n', '');
  const BLUE_WENT = "Enum value 'BLUE' was removed from enum 'Colour'";

  beforeEach(() => {
    rmSync(folder, { recursive: true, force: true });
    write(SCHEMA, BASE);
    write(BASELINE, BASE);
    write(DECLARED, '{}');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  // Of a git hook's environment nothing may come in: it names a repository.
  const env = { PATH: process.env.PATH, HOME: folder, GIT_CEILING_DIRECTORIES: tmpdir() };

  function run(...args: string[]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  }

  it('compares with the baseline where there is no release to be had', () => {
    expect(run()).toEqual({ status: 0, stdout: `Compared with ${BASELINE}: nothing changed.\n`, stderr: '' });
  });

  it('lists what changed, the worst first, and ends with 0 where nothing of it is breaking', () => {
    write(SCHEMA, edit('  BLUE\n', '  BLUE\n  GREEN\n').replace('type Box', '"""D"""\ntype Box'));
    const { status, stdout } = run();
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      `Compared with ${BASELINE}: 2 changed.`,
      "  dangerous  Enum value 'GREEN' was added to enum 'Colour'",
      "  safe       Object type 'Box' has description 'D'",
    ]);
    expect(status).toBe(0);
  });

  it('ends with 1 at a breaking change, and says how to declare it', () => {
    write(SCHEMA, WITHOUT_BLUE);
    const { status, stdout, stderr } = run();
    expect(status).toBe(1);
    expect(stdout).toContain(`  breaking   ${BLUE_WENT}\n`);
    const [, told = ''] = stderr.split(`${DECLARED}:\n`);
    expect(JSON.parse(told)).toEqual({ [BLUE_WENT]: expect.any(String) });
    // As it is told, it will do.
    write(DECLARED, told);
    expect(run().status).toBe(0);
  });

  it('takes a breaking change that is declared with a reason, and that one alone', () => {
    write(DECLARED, JSON.stringify({ [BLUE_WENT]: 'Nobody paints blue.' }));
    write(SCHEMA, WITHOUT_BLUE);
    expect(run()).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`${BLUE_WENT} (declared: Nobody paints blue.)`),
      stderr: '',
    });
    write(SCHEMA, WITHOUT_BLUE.replace('  old: String @deprecated(reason: "R")\n', ''));
    const { status, stderr } = run();
    expect(status).toBe(1);
    expect(stderr).toContain("Field 'old'");
    expect(stderr).not.toContain('BLUE');
  });

  it('takes no declaration without a reason, and tells of one that is for nothing', () => {
    write(DECLARED, JSON.stringify({ [BLUE_WENT]: '' }));
    expect(run()).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`Declared, and not there: ${BLUE_WENT}`),
    });
    write(SCHEMA, WITHOUT_BLUE);
    expect(run().status).toBe(1);
  });

  it('accepts the schema as the baseline, and with it what was declared', () => {
    write(SCHEMA, WITHOUT_BLUE);
    write(DECLARED, JSON.stringify({ [BLUE_WENT]: 'Nobody paints blue.' }));
    expect(run('--accept').status).toBe(0);
    expect(JSON.parse(read(DECLARED))).toEqual({});
    expect(run()).toMatchObject({ status: 0, stdout: `Compared with ${BASELINE}: nothing changed.\n` });
    expect(read(BASELINE)).not.toContain('BLUE');
    expect(read(BASELINE)).toContain('@key(fields: "box { id } number")');
  });

  it.each([
    ['an unknown option', ['--nope'], "Unknown option '--nope'\n"],
    ['a misspelt option', ['--operation=apps/*.graphql'], "Unknown option '--operation'\n"],
    [
      'a pattern expanded by the shell',
      ['--operations', 'apps/a.graphql', 'apps/b.graphql'],
      "Unexpected argument 'apps/b.graphql'. This command does not take positional arguments\n",
    ],
  ])('refuses %s', (_, args, told) => {
    expect(run(...args)).toEqual({ status: 1, stdout: '', stderr: told });
  });

  it.each([
    ['is no schema', SCHEMA, 'type Query {', 'Syntax Error: Expected Name, found <EOF>.\n'],
    ['is no list', DECLARED, '{', expect.stringContaining('JSON')],
  ])('says in one line that something %s', (_, file, text, told) => {
    write(file, text);
    const { status, stderr } = run();
    expect({ status, stderr }).toEqual({ status: 1, stderr: told });
    expect(stderr.trimEnd()).not.toContain('\n');
  });

  describe('with operations of consumers', () => {
    const ALL = 'apps/**/*.graphql';
    const SEARCH = 'apps/painter/search.graphql';
    const USED_BY_COLOURS = '    painter: Colours (apps/painter/queries/colours.graphql)';
    const RED = 'apps/painter/red.graphql';
    const USED_BY_RED = `    painter: Red (${RED})`;
    const USED_BY_SEARCH = `    painter: Search (${SEARCH})`;
    // Does not compose: the other subgraph defines Box.size too.
    const CLASHING = edit('{\n  id: ID!\n}', '{\n  id: ID!\n  size: Int\n}');

    beforeEach(() => {
      write(
        'supergraph/supergraph.yaml',
        `subgraphs:
  things: { routing_url: http://things.test, schema: { file: ../${SCHEMA} } }
  boxes: { routing_url: http://boxes.test, schema: { file: boxes.graphql } }
`,
      );
      write(
        'supergraph/boxes.graphql',
        'type Query { boxes: [Box!] } type Box @key(fields: "id") { id: ID! size: Int }',
      );
      write('apps/store/boxes.graphql', 'query Boxes { boxes { id size } }');
      write('apps/painter/queries/colours.graphql', 'query Colours($id: ID!) {\n  thing(id: $id) { ...Painted }\n}');
      write('apps/painter/fragments.graphql', 'fragment Unused on Box { id }\n\nfragment Painted on Thing { colour }');
      write(RED, 'query Red {\n  things(by: { like: { number: 1 } }, painted: [RED, BLUE]) { id }\n}');
      write(
        SEARCH,
        `query Search($by: SearchInput, $painted: [Colour!]) {
  things(by: $by, first: 10, painted: $painted) { number }
}`,
      );
    });

    it.each([
      [
        'a removed field and the one app that uses it',
        edit('  colour: Colour\n', ''),
        "Field 'colour' was removed from object type 'Thing'",
        [USED_BY_COLOURS],
        [
          'painter: Colours (apps/painter/queries/colours.graphql) is no longer valid.',
          '  apps/painter/fragments.graphql:3: Cannot query field "colour" on type "Thing".',
        ],
      ],
      [
        'a field that becomes inaccessible',
        edit('number: Int\n  box', 'number: Int @inaccessible\n  box'),
        "Directive '@inaccessible' was added to 'Thing.number'",
        [USED_BY_SEARCH],
        [
          `painter: Search (${SEARCH}) is no longer valid.`,
          `  ${SEARCH}:2: Cannot query field "number" on type "Thing".`,
        ],
      ],
      [
        'a changed type of a field in a valid operation',
        edit('colour: Colour', 'colour: String'),
        "Field 'Thing.colour' changed type from 'Colour' to 'String'",
        [USED_BY_COLOURS],
        [],
      ],
      [
        'a changed type of an argument',
        edit('first: Int', 'first: Float'),
        "Type for argument 'first' on field 'Query.things' changed from 'Int' to 'Float'",
        [USED_BY_SEARCH],
        [],
      ],
      [
        'a changed type of an input field in a literal and in a variable',
        edit('{\n  number: Int\n}', '{\n  number: Int!\n}'),
        "Input field 'ThingInput.number' changed type from 'Int' to 'Int!'",
        [USED_BY_RED, USED_BY_SEARCH],
        [],
      ],
      [
        'a removed enum value in a literal and in a variable',
        WITHOUT_BLUE,
        BLUE_WENT,
        [USED_BY_RED, USED_BY_SEARCH],
        [`painter: Red (${RED}) is no longer valid.`, `  ${RED}:2: Value "BLUE" does not exist in "Colour" enum.`],
      ],
      [
        'a changed kind of a type',
        edit('enum Colour {\n  RED\n  BLUE\n}', 'scalar Colour'),
        "'Colour' kind changed from 'EnumTypeDefinition' to 'ScalarTypeDefinition'",
        [USED_BY_COLOURS, USED_BY_RED, USED_BY_SEARCH],
        [],
      ],
      [
        'a removed field without naming an app if no operation uses it',
        edit('  old: String @deprecated(reason: "R")\n', ''),
        "Field 'old' (deprecated) was removed from object type 'Thing'",
        [],
        [],
      ],
    ])('reports %s', (_, sdl, message, users, invalid) => {
      write(SCHEMA, sdl);
      write(DECLARED, JSON.stringify({ [message]: 'R' }));
      const { status, stdout, stderr } = run('--operations', ALL);
      expect(stdout.trimEnd().split('\n')).toEqual([
        `Compared with ${BASELINE}: 1 changed.`,
        `  breaking   ${message} (declared: R)`,
        `Operations: 4 checked, ${invalid.length > 0 ? 1 : 0} not valid.`,
        ...(users.length > 0 ? [`  Affected by: ${message}`, ...users] : []),
      ]);
      expect(stderr.split('\n')).toEqual([...invalid, '']);
      expect(status).toBe(invalid.length > 0 ? 1 : 0);
    });

    it('names no app for a change that is not breaking', () => {
      write(SCHEMA, edit('  number: Int\n  box', '  "D"\n  number: Int\n  box'));
      expect(run('--operations', ALL)).toEqual({
        status: 0,
        stdout: `Compared with ${BASELINE}: 1 changed.
  safe       Field 'Thing.number' has description 'D'
Operations: 4 checked, 0 not valid.
`,
        stderr: '',
      });
    });

    it('fails on an undeclared breaking change although every operation is valid', () => {
      write(SCHEMA, edit('colour: Colour', 'colour: String'));
      expect(run('--operations', ALL)).toMatchObject({
        status: 1,
        stdout: expect.stringContaining('Operations: 4 checked, 0 not valid.\n'),
        stderr: expect.stringMatching(/^Breaking, and not declared\./),
      });
    });

    it.each([
      [
        'was not valid before either',
        'query Nope {\n  nope\n}',
        'one: Nope (apps/one/a.graphql) was not valid before either.\n' +
          '  apps/one/a.graphql:2: Cannot query field "nope" on type "Query".\n',
      ],
      [
        'has no name',
        '{ thing }\nquery { nope }\nquery Sound { boxes { id } }',
        'one: an unnamed operation (apps/one/a.graphql) was not valid before either.\n' +
          '  apps/one/a.graphql:1: Field "thing" of type "Thing" must have a selection of subfields.' +
          ' Did you mean "thing { ... }"?\n' +
          '  apps/one/a.graphql:1: Field "thing" argument "id" of type "ID!" is required, but it was not provided.\n' +
          'one: an unnamed operation (apps/one/a.graphql) was not valid before either.\n' +
          '  apps/one/a.graphql:2: Cannot query field "nope" on type "Query".\n',
      ],
      ['has a syntax error', 'query {\n', 'apps/one/a.graphql:2: Syntax Error: Expected Name, found <EOF>.\n'],
      [
        'spreads a fragment of another app',
        'query Far { thing(id: 1) { ...Painted } }',
        'one: Far (apps/one/a.graphql) was not valid before either.\n' +
          '  apps/one/a.graphql:1: Unknown fragment "Painted".\n',
      ],
    ])('reports an operation that %s', (_, text, told) => {
      write('apps/one/a.graphql', text);
      expect(run('--operations', ALL)).toMatchObject({ status: 1, stderr: told });
    });

    it.each([
      ['a file', ['apps/one/a.graphql']],
      ['the files of one app', ['apps/one/*.graphql']],
      ['a file twice', ['apps/one/*.graphql', 'apps/o*/a.graphql']],
      ['folders by name', ['apps/{one,two}/**/*.graphql']],
      ['a path that begins with ./', ['./apps/o*/**/*.graphql']],
    ])('names the app for a pattern of %s', (_, patterns) => {
      write('apps/one/a.graphql', 'query Nope { nope }');
      const { stdout, stderr } = run(...patterns.map((pattern) => `--operations=${pattern}`));
      expect(stdout).toContain('Operations: 1 checked, 1 not valid.\n');
      expect(stderr).toMatch(/^one: Nope \(apps\/one\/a\.graphql\)/);
    });

    it('fails if one of several patterns matches no file', () => {
      expect(run('--operations', ALL, '--operations', 'app/**/*.graphql')).toMatchObject({
        status: 1,
        stderr: "--operations 'app/**/*.graphql' matches no file.\n",
      });
    });

    it('prints the messages of the composer if the schema does not compose', () => {
      write(SCHEMA, CLASHING);
      expect(run('--operations', ALL)).toMatchObject({
        status: 1,
        stderr:
          'The supergraph does not compose:\n  Non-shareable field "Box.size" is resolved from multiple subgraphs: it is' +
          ' resolved from subgraphs "boxes" and "things" and defined as non-shareable in subgraph "things"\n',
      });
    });

    it('checks the operations although the released schema does not compose', () => {
      write(BASELINE, CLASHING);
      const message = "Field 'size' was removed from object type 'Box'";
      write(DECLARED, JSON.stringify({ [message]: 'R' }));
      expect(run('--operations', ALL)).toEqual({
        status: 0,
        stdout: `Compared with ${BASELINE}: 1 changed.
  breaking   ${message} (declared: R)
The released schema does not compose: every operation counts as valid before.
Operations: 4 checked, 0 not valid.
  Affected by: ${message}
    store: Boxes (apps/store/boxes.graphql)
`,
        stderr: '',
      });
      write('apps/store/boxes.graphql', 'query Boxes { nope }');
      expect(run('--operations', ALL)).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/^store: Boxes \(apps\/store\/boxes\.graphql\) is no longer valid\.\n/),
      });
    });
  });

  describe('in a repository', () => {
    const IDENTITY = ['-c', 'user.name=T', '-c', 'user.email=t@example.test'];

    function git(...args: string[]) {
      const { status, stderr } = spawnSync('git', [...IDENTITY, ...args], { cwd: folder, env, encoding: 'utf8' });
      expect({ status, args, stderr }).toMatchObject({ status: 0 });
    }

    function commit() {
      git('add', '.');
      git('commit', '--quiet', '--message', 'M');
    }

    beforeEach(() => {
      git('init', '--quiet');
      commit();
    });

    it('compares with the newest release, whatever the baseline says', () => {
      git('tag', 'v1.0.0');
      write(SCHEMA, WITHOUT_BLUE);
      commit();
      git('tag', 'v1.1.0');
      git('tag', 'verified');
      write('README.md', '');
      commit();
      expect(run()).toEqual({ status: 0, stdout: 'Compared with v1.1.0: nothing changed.\n', stderr: '' });
      write(SCHEMA, WITHOUT_BLUE.replace('  RED\n', '  RED\n  BLUE\n'));
      expect(run().stdout).toMatch(/^Compared with v1\.1\.0: 1 changed\.\n {2}dangerous/);
    });

    it.each([
      ['one before', 'v1.0.0', ['tag', 'v1.0.0'], [['tag', 'v1.1.0']]],
      [
        'one before where it has two tags',
        'v1.0.0',
        ['tag', 'v1.0.0'],
        [
          ['tag', 'v1.1.0'],
          ['tag', 'v1.1.0-rc.1'],
        ],
      ],
      ['one before where its tag is annotated', 'v1.0.0', ['tag', 'v1.0.0'], [['tag', '-a', 'v1.1.0', '-m', 'M']]],
      ['baseline where it is the first', BASELINE, ['tag', 'verified'], [['tag', 'v1.0.0']]],
    ])('compares a release with the %s', (_, compared, before, tags) => {
      git(...before);
      write(SCHEMA, WITHOUT_BLUE);
      commit();
      for (const tag of tags) git(...tag);
      expect(run()).toMatchObject({
        status: 1,
        stdout: expect.stringContaining(`Compared with ${compared}: 1 changed.`),
      });
    });

    it('compares what is changed on top of a release with it, so that it can be accepted', () => {
      git('tag', 'v1.0.0');
      write(SCHEMA, WITHOUT_BLUE);
      write(DECLARED, JSON.stringify({ [BLUE_WENT]: 'Nobody paints blue.' }));
      commit();
      git('tag', 'v1.1.0');
      expect(run()).toMatchObject({ status: 0, stdout: expect.stringContaining('Compared with v1.0.0: 1 changed.') });
      run('--accept');
      expect(run()).toEqual({ status: 0, stdout: 'Compared with v1.1.0: nothing changed.\n', stderr: '' });
      commit();
      expect(run()).toEqual({ status: 0, stdout: 'Compared with v1.1.0: nothing changed.\n', stderr: '' });
    });

    it.each([
      ['no tag', []],
      ['no tag of a release', [['tag', 'verified']]],
      [
        'a release without a schema',
        [
          ['rm', '--quiet', '--cached', '-r', 'schema'],
          ['commit', '-qm', 'M'],
          ['tag', 'v1.0.0'],
          ['commit', '-qm', 'M', '--allow-empty'],
        ],
      ],
    ])('compares with the baseline where there is %s', (_, commands) => {
      for (const command of commands) git(...command);
      write(SCHEMA, WITHOUT_BLUE);
      expect(run()).toMatchObject({ status: 1, stdout: expect.stringContaining(`Compared with ${BASELINE}`) });
    });
  });
});

it('is part of what CI runs, and so is the lint', () => {
  const checks = readFileSync(new URL('../../dev/checks.ts', import.meta.url), 'utf8');
  for (const script of ["schema:check -- --operations 'apps/**/*.graphql'", 'lint:schema'])
    expect(checks).toContain(`npm run ${script}`);
});
