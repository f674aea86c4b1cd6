/**
 * What the system knows of a process. Linux only.
 */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';

/** Resident memory of a process, in MB. */
export function residentMb(pid: number): number {
  return readMb(pid, 'VmRSS');
}

/** Peak of the resident memory of a process since `resetPeak`, in MB; 0 once the process has ended. */
export function peakMb(pid: number): number {
  try {
    return readMb(pid, 'VmHWM') || 0;
  } catch {
    return 0;
  }
}

export function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // The process has ended.
  }
}

function readMb(pid: number, name: string): number {
  const [, kilobytes] =
    new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
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
