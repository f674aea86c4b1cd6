/**
 * A headless browser that reaches only the loopback interface.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type LaunchOptions } from 'playwright-core';
import { run } from '../support/process.ts';

const ARGS = [
  '--disable-gpu',
  '--no-proxy-server',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]',
];

/** Starts the browser at CHROMIUM_PATH, else the npm package's Chromium on Linux x64, else an installed Chrome. */
export async function startBrowser() {
  const folder = await mkdtemp(join(tmpdir(), 'browser-'));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    const browser = await chromium.launch({ ...(await find(folder)), args: ARGS });
    return { browser, stop: () => browser.close().finally(removeFolder) };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

async function find(folder: string): Promise<LaunchOptions> {
  const { CHROMIUM_PATH } = process.env;
  if (CHROMIUM_PATH) return { executablePath: CHROMIUM_PATH };
  if (process.platform !== 'linux' || process.arch !== 'x64') return { channel: 'chrome' };
  const unpacking = run('test/page/unpack-chromium.ts', { TMPDIR: folder });
  if ((await unpacking.exit) !== 0) throw new Error(`Chromium cannot be unpacked: ${unpacking.output()}`);
  const fonts = join(folder, 'fonts.conf');
  const cache = `<cachedir>${folder}/font-cache</cachedir>`;
  await writeFile(fonts, `<fontconfig><dir>${folder}/fonts</dir>${cache}</fontconfig>`);
  const env = { ...process.env, LD_LIBRARY_PATH: join(folder, 'al2023/lib'), FONTCONFIG_FILE: fonts };
  return { executablePath: join(folder, 'chromium'), env };
}
