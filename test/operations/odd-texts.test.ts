/**
 * Odd and hostile texts: the command API receives each accepted text unchanged, and the log contains none.
 */
import { describe, expect, it } from '@jest/globals';
import { formatMaintenanceId, type Id } from '../../src/maintenance.ts';
import { create, deleteMany, deleteOne, detail, entities, type FieldQuery, list } from '../support/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();

const ask = ({ query, variables }: FieldQuery) => subgraph.ask(query, { variables });
/** Returns the name and param of each command, in order of arrival. */
const sent = () => subgraph.upstream.received.map(({ command, param }) => [command, param]);

/** Makes the command API accept any command. `text` is each text of its tickets. */
function acceptAnything(text = 'x'): void {
  const ticket = { description: text, contact: text, feedback: text, maintenance_picture_url: [text] };
  subgraph.upstream.fail(({ command, param }) => {
    const results: Record<string, unknown> = {
      get_maintenance_list: [],
      get_maintenance_info: ticket,
      create_maintenance_info: { maintenance_id: param.contact },
    };
    return { body: { success: true, result: results[command] ?? {} } };
  });
}

/** Returns the texts in a value at any depth, names of members included. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return Object.entries((value ?? {}) as object).flatMap(([name, member]) => [name, ...textsOf(member)]);
}

describe('the command API receives', () => {
  it.each([
    ['CRLF and a header', 'odd\r\nX-Evil: 1\r\n\r\n'],
    [
      'all control characters',
      `${Array.from({ length: 32 }, (_, i) => String.fromCharCode(i)).join('odd')}\u007f\u0080\u009f`,
    ],
    ['JSON that ends the body', '"}],"command":"delete_maintenance_info","x":["'],
    ['GraphQL', '") { id } } mutation { deleteMaintenance(id: "r:m") { deletedId } } #'],
    ['markup', '<script>alert(1)</script><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>&b;'],
    ['invisible characters', 'odd\u202egnp.exe\u202c\u2066x\u2069\u200b\u200d\u2060\u2028\u2029\ufeff\uffff\ufffe'],
    ['emoji and combining marks', `🔧👩🏽‍🔧🏳️‍🌈o${'\u0301\u0327\u0489'.repeat(40)}Å Å ﬁ ①`],
    ['a log line', 'odd"}\n{"level":60,"msg":"forged\u001b[31m'],
    ['a property of every object', '__proto__'],
    ['a percent sign and a colon', 'odd%:%25%3A%3a'],
    ['white space around a text', ' \todd\n '],
    ['256 characters', 'x'.repeat(256)],
  ])('every text unchanged and unlogged: %s', async (_, text) => {
    acceptAnything(text);
    const key = { residence_id: text, maintenance_id: text };
    const id = formatMaintenanceId({ residenceId: text as Id, maintenanceId: text as Id });
    const fields = 'id maintenanceId residence { id } description contact feedback pictureUrls';
    const ticket = { description: text, contact: text, feedback: text, pictureUrls: [text] };
    const entity = { id, maintenanceId: text, residence: { id: text }, ...ticket };
    const maintenance = { __typename: 'Maintenance' };
    const second = { ...maintenance, residence: { id: text }, maintenanceId: text };
    const representations = [{ ...maintenance, id }, second, { __typename: 'Residence', id: text }];
    const selection = `... on Maintenance { ${fields} } ... on Residence { id }`;
    const input = { residenceId: text, description: text, contact: text, pictureFilenames: [text, text] };

    const answers: [FieldQuery, unknown][] = [
      [list({ residenceId: text }), { maintenances: [] }],
      [detail(id, fields), { maintenance: entity }],
      [entities(representations, selection), { _entities: [entity, entity, { id: text }] }],
      [create(input), { createMaintenance: { createdId: id } }],
      [deleteOne(id), { deleteMaintenance: { deletedId: id } }],
      [deleteMany([id, id]), { deleteMaintenances: { deletedIds: [id], failures: [] } }],
    ];
    for (const [request, expected] of answers) {
      expect(await ask(request)).toMatchObject({ data: expected, errors: [] });
    }
    const times = { start_time: '2024-01-16 13:32:45', finish_time: '2024-01-17 13:32:45' };
    const created = { residence_id: text, ...times, description: text, contact: text, filename: [text, text] };
    expect(sent()).toEqual([
      ['get_maintenance_list', { residence_id: text }],
      ['get_maintenance_info', key],
      ['get_maintenance_info', key],
      ['create_maintenance_info', created],
      ['delete_maintenance_info', key],
      ['batch_delete_maintenance_info', { residence_id: text, maintenances: [{ maintenance_id: text }] }],
    ]);
    expect(subgraph.logs()).toHaveLength(6);
    expect(textsOf(subgraph.logs()).filter((logged) => logged.includes(text))).toEqual([]);
  });

  it('a blank id unchanged', async () => {
    const residenceId = ' \u3000\u200b';
    expect((await ask(list({ residenceId }))).status).toBe(200);
    expect(sent()).toEqual([['get_maintenance_list', { residence_id: residenceId }]]);
  });

  it('each of the ids that only Unicode normalization would make equal', async () => {
    acceptAnything();
    const ids = ['r:\u00c5', 'r:A\u030a', 'r:\u212b', 'r:å'];
    expect((await ask(deleteMany(ids))).data.deleteMaintenances.deletedIds).toEqual(ids);
    const maintenances = ids.map((id) => ({ maintenance_id: id.slice(2) }));
    expect(sent()).toEqual([['batch_delete_maintenance_info', { residence_id: 'r', maintenances }]]);
  });

  it('one command per residence for ids that are names of properties of every object', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__'];
    subgraph.upstream.fail(({ param }) => {
      const result = names.map((id) => ({ maintenance_id: id, description: `${param.residence_id} ${id}` }));
      return { body: { success: true, result } };
    });
    const ids = names.flatMap((residence) => names.map((id) => `${residence}:${id}`));
    const representations = ids.map((id) => ({ __typename: 'Maintenance', id }));
    expect(await ask(entities(representations, '... on Maintenance { id description }'))).toMatchObject({
      data: { _entities: ids.map((id) => ({ id, description: id.replace(':', ' ') })) },
      errors: [],
    });
    expect(sent()).toEqual(names.map((name) => ['get_maintenance_list', { residence_id: name }]));
  });
});
