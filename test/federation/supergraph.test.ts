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
  const supergraph = useSupergraph(startGateway);
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
  ])('%s costs %d fetches of this subgraph', async (_, fetches, query) => {
    expect((await supergraph.ask(query)).errors).toEqual([]);
    expect(supergraph.fetches()[0]).toBe(fetches);
  });

  it('lists of 120 aliased residences of the neighbor are read', async () => {
    const residences = [idOf('1-101'), idOf('1-201')];
    const fieldAt = (index: number) => `residence(id: "${residences[index % 2]}") { maintenances(first: 1) { id } }`;
    const { data, errors } = await supergraph.ask(`{ ${aliased(120, fieldAt)} }`);
    expect(errors).toEqual([]);
    const maintenances = [{ id: expect.any(String) }];
    expect(Object.values(data)).toEqual(Array(120).fill({ maintenances }));
    // Separate fetches may share no command.
    expect(new Set(supergraph.upstream.commands())).toEqual(
      new Set(residences.map((id) => `get_maintenance_list ${id}`)),
    );
  });

  it('1,001 representations are refused before any command, and the data of the neighbor stays', async () => {
    const answer = await supergraph.ask('{ numbered(count: 1001) { id maintenance { description } } }');
    expect(answer.data.numbered.map(({ id }: { id: string }) => id)).toEqual(times(1001, String));
    expect(new Set(codes(answer).map(([code]) => code))).toEqual(new Set(['BAD_USER_INPUT']));
    expect(supergraph.upstream.commands()).toEqual([]);
  });
});
