/**
 * Direct tables of three rules, so that a failure names its rule. Other tests prove through the front door that they apply:
 * resilience, decoding and bounds.
 */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type FieldNode, type FragmentDefinitionNode, type GraphQLResolveInfo, parse } from 'graphql';
import { decodeList } from '../../src/command-api/decoder.ts';
import { CommandApiError } from '../../src/command-api/errors.ts';
import { createRetries } from '../../src/command-api/retries.ts';
import { COSTS, costOfTexts, costOfWrite, selectedBeneath } from '../../src/graphql/cost.ts';
import { LIMITS } from '../../src/graphql/limits.ts';
import { rootField, SCHEMA } from '../support/schema.ts';

afterEach(() => void jest.restoreAllMocks());

describe('the pause before a retry, in the middle of its random range', () => {
  const FAILURE = { isWrite: false, isProbe: false, attempts: 1, msLeft: 30_000 };
  type Details = Omit<CommandApiError['details'], 'detail'> & { detail?: string };
  const plan = (details: Details, failure: Partial<typeof FAILURE> = {}, retries = createRetries(9), random = 0.5) => {
    jest.spyOn(Math, 'random').mockReturnValue(random);
    const error = new CommandApiError('unavailable', { detail: '', ...details });
    return retries.plan({ ...FAILURE, ...failure, error });
  };
  const hours = (count: number) => new Date(Date.now() + count * 3_600_000).toUTCString();

  it.each<[string, Details, Partial<typeof FAILURE>, number | undefined]>([
    ['the first', { status: 503 }, {}, 50],
    ['the second', { status: 503 }, { attempts: 2 }, 100],
    ['the fifth', { status: 503 }, { attempts: 5 }, 800],
    ['the sixth and further', { status: 503 }, { attempts: 6 }, 1000],
    ['after the last attempt', { status: 503 }, { attempts: 9 }, undefined],
    ['429', { status: 429 }, {}, 50],
    ['500', { status: 500 }, {}, undefined],
    ['a reset', { detail: 'ECONNRESET' }, {}, 50],
    ['a time-out', { detail: 'ETIMEDOUT' }, {}, undefined],
    ['a write that may have been sent', { detail: 'ECONNRESET' }, { isWrite: true }, undefined],
    ['a write that was not sent', { detail: 'ECONNREFUSED', sent: false }, { isWrite: true }, 50],
    ['a stale connection', { detail: 'ECONNRESET', isStale: true }, { msLeft: 0 }, 0],
    ['a stale connection of a write', { detail: 'ECONNRESET', isStale: true }, { isWrite: true }, undefined],
    ['a probe of the breaker', { status: 503 }, { isProbe: true }, undefined],
    ['within the time that is left', { status: 503 }, { msLeft: 51 }, 50],
    ['as long as the time that is left', { status: 503 }, { msLeft: 50 }, undefined],
    ['Retry-After: 3', { status: 503, retryAfter: '3' }, {}, 3050],
    ['Retry-After beyond the time', { status: 503, retryAfter: '30' }, {}, undefined],
    ['Retry-After with a later date', { status: 503, retryAfter: hours(1) }, {}, undefined],
    ['Retry-After with a past date', { status: 503, retryAfter: hours(-1) }, {}, 50],
    ['Retry-After without a number or a date', { status: 503, retryAfter: 'soon' }, {}, 50],
  ])('%s', (_, details, failure, pause) => expect(plan(details, failure)).toBe(pause));

  it('is random from 0 up to its bound', () =>
    expect([0, 0.999].map((random) => plan({ status: 503 }, {}, undefined, random))).toEqual([0, 99.9]));

  it.each([
    [0, 10],
    [10, 11],
    [2000, 100],
  ])('after %d commands, %d retries may follow', (commands, most) => {
    const retries = createRetries(9);
    for (let sent = 0; sent < commands; sent++) retries.earn();
    let planned = 0;
    while (planned <= most && plan({ status: 503 }, {}, retries) !== undefined) planned++;
    expect(planned).toBe(most);
  });
});

describe('a member of a ticket is decoded', () => {
  const UNDECODABLE = expect.any(CommandApiError);
  it.each([
    ['start_time', 'startTime', '2024-02-29 13:32:45', '2024-02-29T13:32:45Z'],
    ['start_time', 'startTime', '', null],
    ...['2024-01-16', '2024-01-16T13:32:45Z', ' 2024-01-16 13:32:45', '١٢٣٤-01-16 13:32:45', { 10: ' ' }].map(
      (time) => ['start_time', 'startTime', time, UNDECODABLE] as const,
    ),
    ...['2024-02-30 00:00:00', '2024-13-01 00:00:00', '2024-01-00 00:00:00'].map(
      (time) => ['finish_time', 'finishTime', time, UNDECODABLE] as const,
    ),
    ...['2024-01-16 24:00:00', '2024-01-16 13:60:45', '2024-01-16 13:32:60'].map(
      (time) => ['created_time', 'createdTime', time, UNDECODABLE] as const,
    ),
    ['created_time', 'createdTime', null, null],
    ['state', 'state', 'in progress', 'IN_PROGRESS'],
    ['state', 'state', '', null],
    ...['lost', 'In Progress', 'IN_PROGRESS', 'constructor'].map(
      (state) => ['state', 'state', state, UNDECODABLE] as const,
    ),
    ['description', 'description', '', ''],
    ['description', 'description', 'x\ud83d', 'x\ufffd'],
    ['contact', 'contact', undefined, null],
    ['contact', 'contact', ['test'], UNDECODABLE],
    ['feedback', 'feedback', true, UNDECODABLE],
    ['maintenance_picture_url', 'pictureUrls', null, null],
    ['maintenance_picture_url', 'pictureUrls', [], []],
    ['maintenance_picture_url', 'pictureUrls', ['\udc27'], ['\ufffd']],
    ['maintenance_picture_url', 'pictureUrls', 'https://test.akubela.com/p', UNDECODABLE],
    ['maintenance_picture_url', 'pictureUrls', ['x', null], UNDECODABLE],
  ])('%s as %s: %j', (member, field, value, decoded) => {
    const { value: tickets } = decodeList([{ maintenance_id: 'm', [member]: value }], { residenceId: 'r' });
    expect(tickets[0]).toHaveProperty(field, decoded);
  });
});

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
