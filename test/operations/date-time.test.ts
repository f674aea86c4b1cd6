import { describe, expect, it } from '@jest/globals';
import { create } from '../support/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();

describe('a time of the input', () => {
  it.each([
    ['2024-01-16T13:32:45Z', '2024-01-16 13:32:45'],
    ['2024-01-16t13:32:45z', '2024-01-16 13:32:45'],
    ['2024-01-16T13:32:45.999999999Z', '2024-01-16 13:32:45'],
    ['2024-01-16T13:32:45-00:00', '2024-01-16 13:32:45'],
    ['2024-01-16T08:02:45.5-05:30', '2024-01-16 13:32:45'],
    ['2024-02-29T23:59:59-00:01', '2024-03-01 00:00:59'],
    ['0001-01-01T00:00:00Z', '0001-01-01 00:00:00'],
    ['9999-12-31T23:59:59Z', '9999-12-31 23:59:59'],
  ])('%s is sent as %s', async (finishTime, sent) => {
    const { query, variables } = create({ startTime: '0000-01-01T00:00:00Z', finishTime });
    expect((await subgraph.ask(query, { variables })).errors).toEqual([]);
    expect(subgraph.upstream.received).toMatchObject([{ param: { finish_time: sent } }]);
  });

  const REFUSED = {
    'must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z': [
      ...[
        '',
        '2024-01-16',
        '2024-01-16T13:32:45',
        '2024-01-16T13:32Z',
        '2024-01-16 13:32:45Z',
        '2024-01-16T13:32:45.Z',
      ],
      ...[
        '2024-01-16T13:32:45+0800',
        '2024-01-16T13:32:45+24:00',
        '2024-01-16T13:32:45+08:60',
        '2024-01-16T13:32:45Z\n',
      ],
      ...['+002024-01-16T13:32:45Z', '2024-01-16T24:00:00Z', '2024-01-16T13:60:45Z', '2016-12-31T23:59:60Z'],
      ...['0000-01-01T00:00:00+01:00', '9999-12-31T23:59:59-01:00'],
    ],
    'is not a day of the calendar': ['2023-02-29T00:00:00Z', '2024-13-01T00:00:00Z', '2024-00-10T00:00:00+08:00'],
  };
  it.each(Object.entries(REFUSED).flatMap(([message, texts]) => texts.map((text) => [text, message])))(
    '%j is refused: %s',
    async (startTime, message) => {
      const { query, variables } = create({ startTime });
      const { errors } = await subgraph.ask(query, { variables });
      const faults = [{ argument: 'input.startTime', message }];
      expect(errors).toMatchObject([
        { extensions: { code: 'BAD_USER_INPUT', arguments: faults, outcome: 'NOT_SENT' } },
      ]);
      expect(subgraph.upstream.commands()).toEqual([]);
    },
  );
});
