/**
 * What each selection and each text of a response is charged, directly, so that a failure names its price. Tests of bounds
 * prove through the front door that it is charged.
 */
import { describe, expect, it } from '@jest/globals';
import { type FieldNode, type FragmentDefinitionNode, type GraphQLResolveInfo, parse } from 'graphql';
import { COSTS, costOfTexts, costOfWrite, selectedBeneath } from '../../src/graphql/cost.ts';
import { LIMITS } from '../../src/graphql/limits.ts';
import { rootField, SCHEMA } from '../support/schema.ts';

describe('the cost', () => {
  const { field: FIELD, call: CALL, character: CHARACTER } = COSTS.bytes;
  const LONG = 'x'.repeat(20);
  /** The four characters of `LONG` that cost. */
  const MORE = 4 * CHARACTER;

  function select(root: string, selection: string) {
    const { definitions } = parse(`{ ${root} ${selection} } fragment F on Maintenance { state }`);
    const [operation, fragment] = definitions as [FragmentDefinitionNode, FragmentDefinitionNode];
    const fieldNodes = operation.selectionSet.selections as readonly FieldNode[];
    const { type: returnType } = rootField(root).field;
    return selectedBeneath({
      fieldNodes,
      fragments: { F: fragment },
      returnType,
      schema: SCHEMA,
    } as never as GraphQLResolveInfo);
  }

  it('has the prices of docs/reliability.md', () => {
    expect([FIELD, CALL, CHARACTER]).toEqual([50, 1000, 3]);
    expect(COSTS.bytes.error + COSTS.time.error).toBe(3000);
    expect(LIMITS.responseCost).toBe(15_000_000);
  });

  it.each([
    ['{ state }', {}, FIELD],
    ['{ a: state b: state }', {}, 2 * FIELD],
    ['{ state @skip(if: true) }', {}, FIELD],
    ['{ ...F ... { state } }', {}, 2 * FIELD],
    [`{ ${LONG}: state }`, {}, FIELD + MORE],
    ['{ description }', { description: 'x'.repeat(16) }, FIELD],
    ['{ a: description b: description }', { description: LONG }, 2 * (FIELD + MORE)],
    ['{ pictureUrls }', { pictureUrls: ['x', LONG] }, 3 * FIELD + MORE],
    ['{ residence { id } }', { residence: { id: LONG } }, 2 * FIELD + MORE],
    ['{ residence { maintenances { id } } }', {}, 2 * FIELD + CALL],
    ['{ residence { maintenances(states: [CLOSED, CLOSED]) { id } } }', {}, 4 * FIELD + CALL],
  ])('of an entry: %s of %j', (selection, entry, cost) => {
    const selected = select('maintenances', selection);
    expect(selected.cost + costOfTexts(entry, selected)).toBe(cost);
  });

  it.each([
    ['deleteMaintenance', '{ id }', { id: LONG }, FIELD + MORE],
    ['deleteMaintenance', '{ id residence { id } }', { id: LONG }, 3 * FIELD + 2 * MORE],
    ['deleteMaintenances', '{ deletedIds }', { ids: ['x', LONG, LONG] }, 3 * FIELD + 2 * MORE],
    ['deleteMaintenances', '{ failures { id code } }', { ids: ['x', LONG] }, 2 * 3 * FIELD + 2 * MORE],
    ['createMaintenance', '{ id }', { input: { contact: LONG, pictureFilenames: [] } }, FIELD + MORE],
    ['createMaintenance', '{ maintenance { id } }', { input: { contact: LONG } }, FIELD + CALL],
  ])('of a write, before it: %s %s of %j', (root, selection, args, cost) =>
    expect(costOfWrite(args, select(root, selection))).toBe(cost),
  );
});
