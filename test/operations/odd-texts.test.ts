/** Odd and hostile texts: the command API receives each accepted text unchanged, and the log contains none. */
import { expect, it } from '@jest/globals';
import { create, deleteMany, deleteOne, detail, entities, type FieldQuery, list } from '../support/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();

const ask = ({ query, variables }: FieldQuery) => subgraph.ask(query, { variables });
/** Returns the name and param of each command, in order of arrival. */
const sent = () => subgraph.upstream.received.map(({ command, param }) => [command, param]);
const escaped = (part: string) => part.replaceAll('%', '%25').replaceAll(':', '%3A');

const controls = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join('odd');
it.each([
  ['CRLF and a header', 'odd\r\nX-Evil: 1\r\n\r\n'],
  ['all control characters', `${controls}\u007f\u0080\u009f`],
  ['invisible characters', 'odd\u202egnp.exe\u202c\u2066x\u2069\u200b\u200d\u2060\u2028\u2029\ufeff\uffff\ufffe'],
  ['a log line', 'odd"}\n{"level":60,"msg":"forged\u001b[31m'],
  ['a property of every object', '__proto__'],
  ['escapes, in white space', ' \todd%:%25%3A%3a\n '],
])('the command API receives every text unchanged and unlogged: %s', async (_, text) => {
  const texts = { description: text, contact: text, feedback: text };
  const ticket = { ...texts, maintenance_id: text, maintenance_picture_url: [text] };
  subgraph.upstream.fail(({ command }) => ({
    body: { success: true, result: command === 'get_maintenance_list' ? [ticket] : ticket },
  }));
  const id = `${escaped(text)}:${escaped(text)}`;
  const fields = 'id maintenanceId residence { id } description contact feedback pictureUrls';
  const entity = { id, maintenanceId: text, residence: { id: text }, ...texts, pictureUrls: [text] };
  const second = { __typename: 'Maintenance', residence: { id: text }, maintenanceId: text };
  const other = { ...second, maintenanceId: 'other' };
  const input = { residenceId: text, description: text, contact: text, pictureFilenames: [text, text] };

  const answers: [FieldQuery, unknown][] = [
    [list({ residenceId: text }), { maintenances: [{ id }] }],
    [detail(id, fields), { maintenance: entity }],
    [entities([second, other], `... on Maintenance { ${fields} }`), { _entities: [entity, null] }],
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
    ['get_maintenance_list', { residence_id: text }],
    [
      'create_maintenance_info',
      { residence_id: text, ...times, description: text, contact: text, filename: [text, text] },
    ],
    ['delete_maintenance_info', key],
    ['batch_delete_maintenance_info', { residence_id: text, maintenances: [{ maintenance_id: text }] }],
  ]);
  expect(subgraph.logs()).toHaveLength(6);
  expect(JSON.stringify(subgraph.logs())).not.toContain(JSON.stringify(text).slice(1, -1));
});
