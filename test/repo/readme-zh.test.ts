/**
 * The README in Chinese: that it says what the one in English says, where either can be read by a machine, and that its
 * examples are true.
 */
import { describe, expect, it } from '@jest/globals';
import { README, readDocument, readExamples, readKeys, readTable } from '../support/documents.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const CHINESE = readDocument('README.zh-CN.md');

const IN_CHINESE: Readonly<Record<string, string>> = { required: '必填', 'required in production': '生产环境必填' };

const subgraph = useSubgraph();

it('has the variables of the environment with the same defaults, and no other', () => {
  const expected = readTable(README, 'variable').map(([name, value = '']) => [name, IN_CHINESE[value] ?? value]);
  expect(readTable(CHINESE, '变量').map(([name, value]) => [name, value])).toEqual(expected);
});

it('has the error codes, and no other', () => {
  expect(readKeys(CHINESE, '错误码')).toEqual(readKeys(README, 'code'));
});

it('leads on to whatever the one in English does, but to what is for those who change the code', () => {
  const linksOf = (markdown: string) => [...markdown.matchAll(/\]\(([\w/.-]+?)\/?[)#]/g)].map(([, link]) => link);
  const [, further = ''] = README.split('\n## Read on\n');
  const expected = [...linksOf(further), 'deploy'].filter((link) => !/dependencies|adr/.test(link ?? ''));
  expect(expected.length).toBeGreaterThan(5);
  expect(linksOf(CHINESE)).toEqual(expect.arrayContaining(expected));
});

describe('answers just what is shown', () => {
  it.each([
    // Of the examples in English some are schemas, or another subgraph's, and show no answer.
    ...readExamples(README).filter(({ json }) => json !== undefined),
    ...readExamples(CHINESE),
  ])('in example %#', async ({ graphql, json }) => {
    const { data, errors } = await subgraph.ask(graphql);
    expect(errors).toEqual([]);
    expect({ data }).toEqual(JSON.parse(String(json)));
  });

  it('in a query and in a mutation', () => {
    expect(readExamples(CHINESE).map(({ graphql }) => /^\w*/.exec(graphql)?.[0])).toEqual(['', 'mutation']);
  });
});
