/**
 * Properties of any id and any document. A failure prints its seed. decoding.test.ts has a property of replies, and
 * differential.test.ts compares operations with a naive server.
 */
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { exampleTicket } from '../../dev/maintenance/seed.ts';
import { codes } from '../support/ask.ts';
import { APPS, readKeys } from '../support/documents.ts';
import { parseId } from '../support/maintenance/naive-server.ts';
import { answerWith, detail } from '../support/maintenance/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

/** The error codes of docs/apps.md, except the code of a bug. */
const CODES = readKeys(APPS, 'code').filter((code) => code !== 'INTERNAL_SERVER_ERROR');

// Below jest's limit: fast-check prints the smallest counterexample that it has found by then.
const SEARCH = { numRuns: 200, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true };

// Neither waits for a retry, nor does one operation stop the commands of the next.
const subgraph = useSubgraph({ MAX_ATTEMPTS: '1', BREAKER_FAILURES: '10000' });

it('any id is the key in one command and has one form in the answer, or is refused', async () => {
  const { maintenance_id: _, ...ticket } = exampleTicket();
  const part = fc.string({
    minLength: 1,
    unit: fc.constantFrom('%25', '%3A', '%3a', '%41', '%', ':', 'r', '修', '\ud800'),
  });
  const pair = fc.tuple(part, part).map((parts) => parts.join(':'));
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), part, pair), async (id) => {
      answerWith(subgraph.upstream, ticket);
      const { query, variables } = detail(id);
      const answer = await subgraph.ask(query, { variables });
      const key = parseId(id);
      const param = { residence_id: key?.[0], maintenance_id: key?.[1] };
      const sent = subgraph.upstream.received.splice(0).map(({ command, param }) => [command, param]);
      expect(sent).toEqual(key ? [['get_maintenance_info', param]] : []);
      expect(answer.data).toEqual({ maintenance: key ? { id: id.replaceAll('%3a', '%3A') } : null });
      expect(codes(answer)).toEqual(key ? [] : [['BAD_USER_INPUT', 'maintenance']]);
    }),
    SEARCH,
  );
});

it('any words of GraphQL have data, or are refused as a whole', async () => {
  const lines = [
    '{ { } } ( ) [ ] : ! $ @ ... | & = # " """ , query mutation subscription fragment F on Query Residence',
    'maintenances maintenance residenceId id state a b __typename __schema _service sdl _entities @include @skip if',
    '$x ID "r:m" "" 1 -1 1e9 true null \n \u0000 修',
  ];
  const word = fc.constantFrom(...lines.flatMap((line) => line.split(' ')));
  const documents = fc.oneof(
    fc.array(word, { minLength: 1, maxLength: 30 }).map((words) => words.join(' ')),
    fc.array(word, { maxLength: 6 }).map((words) => `{ __typename ${words.join(' ')} }`),
    fc.string({ minLength: 1, unit: 'binary' }),
  );
  await fc.assert(
    fc.asyncProperty(documents, async (query) => {
      const { status, data, errors } = await subgraph.ask(query);
      expect(status).toBe(200);
      if (data === undefined) expect(errors).not.toEqual([]);
      for (const { path, extensions } of errors) {
        expect(CODES).toContain(extensions.code);
        expect(path === undefined).toBe(data === undefined);
        // The schema decides how far null climbs: to the place itself, or to a list or payload around it.
        expect(path?.reduce((value, key) => value?.[key], data) ?? null).toBeNull();
      }
    }),
    SEARCH,
  );
});
