/**
 * A real browser without a window, which reaches the loopback interface and nothing else.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type LaunchOptions } from 'playwright-core';
import { run } from './process.ts';

const OFFLINE = [
  '--no-proxy-server',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]',
];

export interface RunningBrowser {
  readonly browser: Browser;
  stop(): Promise<void>;
}

/**
 * Starts the browser at CHROMIUM_PATH; without that, the Chromium that npm brought on Linux x64, and elsewhere an
 * installed Chrome. Rejects where there is none.
 */
export async function startBrowser(): Promise<RunningBrowser> {
  const folder = await mkdtemp(join(tmpdir(), 'browser-'));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    const browser = await chromium.launch({ ...(await find(folder)), args: [...OFFLINE, '--disable-gpu'] });
    const stop = () => browser.close().finally(removeFolder);
    return { browser, stop };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

async function find(folder: string): Promise<LaunchOptions> {
  const { CHROMIUM_PATH } = process.env;
  if (CHROMIUM_PATH) return { executablePath: CHROMIUM_PATH };
  if (process.platform !== 'linux' || process.arch !== 'x64') return { channel: 'chrome' };
  const unpacking = run('test/support/unpack-chromium.ts', { TMPDIR: folder });
  if ((await unpacking.exit) !== 0) throw new Error(`Chromium cannot be unpacked: ${unpacking.output()}`);
  const fonts = join(folder, 'fonts.conf');
  await writeFile(
    fonts,
    `<fontconfig><dir>${folder}/fonts</dir><cachedir>${folder}/font-cache</cachedir></fontconfig>`,
  );
  const env = { ...process.env, LD_LIBRARY_PATH: join(folder, 'al2023/lib'), FONTCONFIG_FILE: fonts };
  return { executablePath: join(folder, 'chromium'), env };
}
