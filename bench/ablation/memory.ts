/** Nothing is counted, and nothing refused for want of memory. */
export { BYTES } from '../../src/memory.ts';

export function createMemory() {
  const refused = { request: 0, command: 0, reply: 0, answer: 0 };
  return {
    open: () => ({ reserve: () => true, hold: () => {}, close: () => {} }),
    limit: 0,
    state: () => ({ held: 0, refused }),
  };
}
