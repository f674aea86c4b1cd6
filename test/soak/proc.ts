/**
 * What the system knows of a process. Linux only.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Resident memory of a process, in MB. */
export function residentMb(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

/** How many sockets a process holds open, the one that it listens on and its pipes among them. */
export function openSockets(pid: number): number {
  const directory = `/proc/${pid}/fd`;
  const isSocket = (fd: string) => {
    try {
      return readlinkSync(`${directory}/${fd}`).startsWith('socket:');
    } catch {
      // Closed since it was listed.
      return false;
    }
  };
  return readdirSync(directory).filter(isSocket).length;
}
