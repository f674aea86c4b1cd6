/**
 * Faults that nobody foresaw, struck where a command is written out.
 */
import { jest } from '@jest/globals';

/** Has every command of this process, or to some residences, fail with an error, until jest restores its mocks. */
export function failCommands(error: Error | (() => Error), isMeant = (_residenceId: string) => true): void {
  const stringify = JSON.stringify;
  jest.spyOn(JSON, 'stringify').mockImplementation((value: unknown, ...rest: unknown[]) => {
    const { command, param } = (value ?? {}) as { command?: string; param?: { residence_id: string } };
    if (command && param && isMeant(param.residence_id)) throw typeof error === 'function' ? error() : error;
    return (stringify as (...args: unknown[]) => string)(value, ...rest);
  });
}
