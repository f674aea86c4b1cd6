/**
 * A core for the load and the command API, and another for the measured server.
 */
import { execFileSync } from 'node:child_process';

let isPinned = false;

/** Moves this process, the load, to a core of its own. Its later children begin there too. Returns whether it can. */
export function pinLoad(): boolean {
  try {
    pin(process.pid, 1);
    isPinned = true;
  } catch {
    // No `taskset`, or a single core.
  }
  return isPinned;
}

/** Moves a server to the other core, if the load has its own. */
export function pinServer(pid: number): void {
  if (isPinned) pin(pid, 0);
}

function pin(pid: number, core: number): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' });
}
