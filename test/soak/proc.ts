/** What Linux knows of a process. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';

/** Returns the most resident memory that a process had, in bytes; 0 once the process has ended. */
export function readPeak(pid: number): number {
  const path = `/proc/${pid}/status`;
  const status = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
}

export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Returns the microseconds of CPU time since the start of a process, in steps of 10 ms. */
export function readCpuUs(pid: number): number {
  // After the name of the program, which may have blanks.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return 10_000 * (Number(fields[11]) + Number(fields[12]));
}

/** Counts the open sockets of a process, including its pipes and the socket on which it listens. */
export function countSockets(pid: number): number {
  // A descriptor may be closed meanwhile.
  const isSocket = (fd: string) => statSync(`/proc/${pid}/fd/${fd}`, { throwIfNoEntry: false })?.isSocket();
  return readdirSync(`/proc/${pid}/fd`).filter(isSocket).length;
}
