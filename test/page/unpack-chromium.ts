/**
 * Unpacks the Chromium for Linux of an npm package, with its fonts and libraries, into TMPDIR. The package itself would use
 * one shared folder, and unpack the libraries only in Amazon's cloud.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { inflate } from '@sparticuz/chromium';

const packed = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '../bin');
for (const file of ['chromium.br', 'fonts.tar.br', 'al2023.tar.br']) await inflate(join(packed, file));
