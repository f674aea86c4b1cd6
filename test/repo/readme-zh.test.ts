/**
 * The README in Chinese has the same tables, links and examples as the README in English.
 */
import { expect, it } from '@jest/globals';
import { ERRORS, README, readDocument, readExamples, readKeys, readTable } from '../support/documents.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const CHINESE = readDocument('README.zh-CN.md');
const IN_CHINESE: Readonly<Record<string, string>> = { required: '必填', 'required in production': '生产环境必填' };
const subgraph = useSubgraph();

it('has the same variables, defaults and error codes', () => {
  const variables = readTable(README, 'variable').map(([name, value = '']) => [name, IN_CHINESE[value] ?? value]);
  expect(readTable(CHINESE, '变量').map(([name, value]) => [name, value])).toEqual(variables);
  expect(readKeys(CHINESE, '错误码')).toEqual(readKeys(ERRORS, 'code'));
});

it('has the links of the English README in the same sections', () => {
  const links = (section: string) => Array.from(section.matchAll(/[^!]\[[^\]]*\]\(([\w/.-]+)/g), ([, link]) => link);
  const sections = (markdown: string) => markdown.split(/^## /m).map(links);
  const chinese = sections(CHINESE);
  expect(chinese).toHaveLength(9 + 1);
  for (const [index, english] of sections(README).entries())
    expect(chinese[index]).toEqual(expect.arrayContaining(english.filter((link) => link !== 'README.zh-CN.md')));
});

// In English, the examples without a result are schemas or belong to another subgraph.
it.each([...readExamples(README).filter(({ json }) => json !== undefined), ...readExamples(CHINESE)])(
  'shows the true result of example %#',
  async ({ graphql, json }) => {
    const { data, errors } = await subgraph.ask(graphql);
    expect({ data, errors }).toEqual({ ...JSON.parse(String(json)), errors: [] });
  },
);
