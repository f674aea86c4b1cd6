import type { Upstream } from './upstream.ts';

/** Holds every command from now on, or only those with these names. Returns the held commands in order of arrival. */
export function hold(upstream: Upstream, ...names: string[]) {
  const held: { release: (body?: string) => void; isClosed: () => boolean }[] = [];
  upstream.fail(({ command }, response) => {
    if (names.length > 0 && !names.includes(command)) return undefined;
    const success = `{"success":true,"result":${command === 'get_maintenance_list' ? '[]' : '{}'}}`;
    held.push({ release: (body = success) => response.end(body), isClosed: () => response.closed });
    return 'taken';
  });
  return held;
}
