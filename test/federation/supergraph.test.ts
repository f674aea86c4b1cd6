import { describe, expect, it } from '@jest/globals';
import { startGateway } from '../../dev/supergraph/gateway.ts';
import { RESIDENCES } from '../../dev/supergraph/neighbour.ts';
import { codes } from '../support/ask.ts';
import { aliased, times } from '../support/requests.ts';
import { useSupergraph } from '../support/use-supergraph.ts';
import { idOf } from '../support/visits.ts';
import { describeBehind } from './routers/suite.ts';

describeBehind('@apollo/gateway', startGateway);

describe('behind @apollo/gateway', () => {
  const supergraph = useSupergraph(startGateway, { residencesTimeoutMs: 1000 });
  const LIST = `{ maintenances(residenceId: "${idOf('1-101')}") { state residence { name } } }`;

  it('a list keeps its data if a neighbor hangs', async () => {
    supergraph.before.residences.fail(() => {});
    const { data, errors } = await supergraph.ask(LIST);
    expect(data.maintenances).toEqual(Array(3).fill({ state: expect.any(String), residence: { name: null } }));
    expect(errors).not.toEqual([]);
  });

  it('a residence that fails is found by its id, and is not listed', async () => {
    const query = '{ residence(id: "rfault-refused") { maintenances { id } } residences { id } }';
    const answer = await supergraph.ask(query);
    expect(codes(answer)).toEqual([['COMMAND_REJECTED', 'residence.maintenances']]);
    expect(answer.data.residence).toEqual({ maintenances: null });
    expect(answer.data.residences).toEqual(RESIDENCES.map(({ id }) => ({ id })));
  });

  it.each([
    ['lists in two places', 2, '{ residences { maintenances { id } } visits { maintenance { state } } }'],
    ['a list beneath a reference', 1, '{ visits { maintenance { residence { name maintenances { id } } } } }'],
    ['data of the neighbor alone', 0, '{ residences { id name } }'],
  ])('%s costs %d fetches of this subgraph', async (_, fetches, query) => {
    expect((await supergraph.ask(query)).errors).toEqual([]);
    expect(supergraph.fetches()[0]).toBe(fetches);
  });

  it.each([100, 120])('lists of %d aliased residences of the neighbor are read', async (count) => {
    const residences = [idOf('1-101'), idOf('1-201')];
    const fieldAt = (index: number) => `residence(id: "${residences[index % 2]}") { maintenances(first: 1) { id } }`;
    const { data, errors } = await supergraph.ask(`{ ${aliased(count, fieldAt)} }`);
    expect(errors).toEqual([]);
    const maintenances = [{ id: expect.any(String) }];
    expect(Object.values(data)).toEqual(Array(count).fill({ maintenances }));
    // Separate fetches may share no command.
    expect(new Set(supergraph.upstream.commands())).toEqual(
      new Set(residences.map((id) => `get_maintenance_list ${id}`)),
    );
  });

  const numbered = (count: number) => `{ numbered(count: ${count}) { id maintenance { description } } }`;

  it('1,000 representations resolve by one command', async () => {
    const { data, errors } = await supergraph.ask(numbered(1000));
    expect([data.numbered.length, errors]).toEqual([1000, []]);
    expect(supergraph.upstream.commands()).toEqual([`get_maintenance_list ${idOf('1-101')}`]);
  });

  it('1,001 representations are refused before any command, and the data of the neighbor stays', async () => {
    const answer = await supergraph.ask(numbered(1001));
    expect(answer.data.numbered.map(({ id }: { id: string }) => id)).toEqual(times(1001, String));
    expect(new Set(codes(answer).map(([code]) => code))).toEqual(new Set(['BAD_USER_INPUT']));
    expect(supergraph.upstream.commands()).toEqual([]);
  });
});
