/**
 * Faults that nobody foresaw, struck where a command is written out.
 */
import { jest } from '@jest/globals';

/** Has every command of this process fail with an error, until jest restores its mocks. */
export function failCommands(error: Error): void {
  const stringify = JSON.stringify;
  jest.spyOn(JSON, 'stringify').mockImplementation((value: unknown, ...rest: unknown[]) => {
    if (typeof value === 'object' && value && 'command' in value && 'param' in value) throw error;
    return (stringify as (...args: unknown[]) => string)(value, ...rest);
  });
}

/**
 * What a process of its own is to `--import`: commands to the residence "unforeseen" do what this JavaScript does, which is
 * given the command as `value` and the true `stringify`.
 */
export function preloadFault(javascript: string): string {
  return `data:text/javascript,${encodeURIComponent(`
    const { stringify } = JSON;
    JSON.stringify = (value, ...rest) => {
      if (value?.param?.residence_id !== 'unforeseen') return stringify(value, ...rest);
      ${javascript}
    };`)}`;
}
