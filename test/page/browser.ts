/** A headless browser that reaches only the loopback interface. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BrowserContext, chromium, type LaunchOptions } from 'playwright-core';

const ARGS = [
  '--disable-gpu',
  '--no-proxy-server',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]',
];

/** Starts the browser at CHROMIUM_PATH, else the npm package's Chromium on Linux x64, else an installed Chrome. */
export async function startBrowser(folder: string): Promise<BrowserContext> {
  const browser = await chromium.launch({ ...find(folder), args: ARGS });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  // Jest's time limit applies.
  context.setDefaultTimeout(0);
  return context;
}

/** Unpacks the npm package's Chromium into `folder`, if it is the one. */
function find(folder: string): LaunchOptions {
  const { CHROMIUM_PATH } = process.env;
  if (CHROMIUM_PATH) return { executablePath: CHROMIUM_PATH };
  if (process.platform !== 'linux' || process.arch !== 'x64') return { channel: 'chrome' };
  execFileSync(process.execPath, ['test/page/unpack-chromium.ts'], { env: { TMPDIR: folder } });
  const fonts = join(folder, 'fonts.conf');
  const cache = `<cachedir>${folder}/font-cache</cachedir>`;
  writeFileSync(fonts, `<fontconfig><dir>${folder}/fonts</dir>${cache}</fontconfig>`);
  const env = { ...process.env, LD_LIBRARY_PATH: join(folder, 'al2023/lib'), FONTCONFIG_FILE: fonts };
  return { executablePath: join(folder, 'chromium'), env };
}
