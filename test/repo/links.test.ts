import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from '@jest/globals';

const read = (file: string) => readFileSync(file, 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '');
const anchorOf = (title = '') => title.toLowerCase().replaceAll(/[^\w-]/g, (mark) => (mark === ' ' ? '-' : ''));
const anchors = (file: string) => Array.from(read(file).matchAll(/^#+ (.+)$/gm), ([, title]) => anchorOf(title));
it.each(globSync(['*.md', 'docs/**/*.md']))('%s links to existing files and headings', (file) => {
  for (const [link, path = '', anchor = ''] of read(file).matchAll(/\]\((?!\w+:)([^)#]*)#?([^)]*)\)/g)) {
    const target = path ? join(dirname(file), path) : file;
    const isFound = existsSync(target) && (!anchor || anchors(target).includes(anchor));
    expect([link, isFound]).toEqual([link, true]);
  }
});
