/**
 * Odd and hostile texts: the command API receives each accepted text unchanged, and the log contains none.
 */
import { describe, expect, it } from '@jest/globals';
import { create, deleteMany, deleteOne, detail, entities, type FieldQuery, list } from '../support/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();

const ask = ({ query, variables }: FieldQuery) => subgraph.ask(query, { variables });
/** Returns the name and param of each command, in order of arrival. */
const sent = () => subgraph.upstream.received.map(({ command, param }) => [command, param]);
const escaped = (part: string) => part.replaceAll('%', '%25').replaceAll(':', '%3A');

/** Returns the texts in a value at any depth, names of members included. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return Object.entries((value ?? {}) as object).flatMap(([name, member]) => [name, ...textsOf(member)]);
}

describe('the command API receives', () => {
  const controls = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join('odd');
  it.each([
    ['CRLF and a header', 'odd\r\nX-Evil: 1\r\n\r\n'],
    ['all control characters', `${controls}\u007f\u0080\u009f`],
    ['JSON that ends the body', '"}],"command":"delete_maintenance_info","x":["'],
    ['GraphQL', '") { id } } mutation { deleteMaintenance(id: "r:m") { deletedId } } #'],
    ['markup', '<script>alert(1)</script><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>&b;'],
    ['invisible characters', 'odd\u202egnp.exe\u202c\u2066x\u2069\u200b\u200d\u2060\u2028\u2029\ufeff\uffff\ufffe'],
    ['emoji and combining marks', `🔧👩🏽‍🔧🏳️‍🌈o${'\u0301\u0327\u0489'.repeat(40)}Å Å ﬁ ①`],
    ['a log line', 'odd"}\n{"level":60,"msg":"forged\u001b[31m'],
    ['a property of every object', '__proto__'],
    ['escapes, in white space', ' \todd%:%25%3A%3a\n '],
  ])('every text unchanged and unlogged: %s', async (_, text) => {
    const ticket = { description: text, contact: text, feedback: text };
    subgraph.upstream.fail(({ command }) => ({
      body: {
        success: true,
        result:
          command === 'get_maintenance_list'
            ? []
            : { ...ticket, maintenance_id: text, maintenance_picture_url: [text] },
      },
    }));
    const id = `${escaped(text)}:${escaped(text)}`;
    const fields = 'id maintenanceId residence { id } description contact feedback pictureUrls';
    const entity = { id, maintenanceId: text, residence: { id: text }, ...ticket, pictureUrls: [text] };
    const second = { __typename: 'Maintenance', residence: { id: text }, maintenanceId: text };
    const input = { residenceId: text, description: text, contact: text, pictureFilenames: [text, text] };

    const answers: [FieldQuery, unknown][] = [
      [list({ residenceId: text }), { maintenances: [] }],
      [detail(id, fields), { maintenance: entity }],
      [entities([second], `... on Maintenance { ${fields} }`), { _entities: [entity] }],
      [create(input), { createMaintenance: { createdId: id } }],
      [deleteOne(id), { deleteMaintenance: { deletedId: id } }],
      [deleteMany([id, id]), { deleteMaintenances: { deletedIds: [id], failures: [] } }],
    ];
    for (const [request, expected] of answers) expect(await ask(request)).toMatchObject({ data: expected, errors: [] });
    const key = { residence_id: text, maintenance_id: text };
    const times = { start_time: '2024-01-16 13:32:45', finish_time: '2024-01-17 13:32:45' };
    expect(sent()).toEqual([
      ['get_maintenance_list', { residence_id: text }],
      ['get_maintenance_info', key],
      ['get_maintenance_info', key],
      [
        'create_maintenance_info',
        { residence_id: text, ...times, description: text, contact: text, filename: [text, text] },
      ],
      ['delete_maintenance_info', key],
      ['batch_delete_maintenance_info', { residence_id: text, maintenances: [{ maintenance_id: text }] }],
    ]);
    expect(subgraph.logs()).toHaveLength(6);
    expect(textsOf(subgraph.logs()).filter((logged) => logged.includes(text))).toEqual([]);
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
