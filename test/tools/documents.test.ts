/**
 * The documents: their links, the version of the changelog, and the README in Chinese beside that in English.
 */
import { existsSync, globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from '@jest/globals';
import manifest from '../../package.json' with { type: 'json' };
import { README, readDocument, readExamples, readKeys } from '../support/documents.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const CHINESE = readDocument('README.zh-CN.md');
const subgraph = useSubgraph();

const read = (file: string) => readDocument(file).replaceAll(/^```[\s\S]*?^```/gm, '');
const anchorOf = (title = '') => title.toLowerCase().replaceAll(/[^\w-]/g, (mark) => (mark === ' ' ? '-' : ''));
const anchors = (file: string) => Array.from(read(file).matchAll(/^#+ (.+)$/gm), ([, title]) => anchorOf(title));

it.each(globSync(['*.md', 'docs/*.md']))('%s links to existing files and headings', (file) => {
  const links = Array.from(read(file).matchAll(/\]\((?!\w+:)([^)#]*)#?([^)]*)\)/g));
  const broken = links.filter(([, path = '', anchor = '']) => {
    const target = path ? join(dirname(file), path) : file;
    return !existsSync(target) || (anchor && !anchors(target).includes(anchor));
  });
  expect(broken.map(([link]) => link)).toEqual([]);
});

it('the newest release of the changelog is the version of package.json', () => {
  expect(/^## (\d.+) — \d{4}-\d\d-\d\d$/m.exec(readDocument('CHANGELOG.md'))?.[1]).toBe(manifest.version);
});

it('the README in Chinese has the variables of the README, and its links in the same sections', () => {
  expect(readKeys(CHINESE, '变量')).toEqual(readKeys(README, 'variable'));
  const links = (section: string) => Array.from(section.matchAll(/[^!]\[[^\]]*\]\(([\w/.-]+)/g), ([, link]) => link);
  const sections = (markdown: string) => markdown.split(/^## /m).map(links);
  const chinese = sections(CHINESE);
  const missing = sections(README).map((section, index) => section.filter((link) => !chinese[index]?.includes(link)));
  expect(missing).toEqual([['README.zh-CN.md'], ...Array(chinese.length - 1).fill([])]);
});

// An example without a result is for the supergraph.
it.each([...readExamples(README), ...readExamples(CHINESE)].filter(({ json }) => json !== undefined))(
  'both READMEs show the true result of example %#',
  async ({ graphql, json }) => {
    const { data, errors } = await subgraph.ask(graphql);
    expect({ data, errors }).toEqual({ ...JSON.parse(String(json)), errors: [] });
  },
);
