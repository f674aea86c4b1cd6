/**
 * Unpacks the Chromium for Linux that an npm package carries, with its fonts and the libraries that a slim image lacks.
 * By itself the package unpacks to one place of the machine that it then takes for its own, and leaves the libraries
 * packed outside Amazon's cloud: hence a program of its own, with a TMPDIR of its own.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { inflate } from '@sparticuz/chromium';

const packed = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '../bin');
for (const file of ['chromium.br', 'fonts.tar.br', 'al2023.tar.br']) await inflate(join(packed, file));
