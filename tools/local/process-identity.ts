import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * When the process started, as the system tells it: together with the pid it names one process for ever, although pids are
 * used again. `undefined` when there is no such process (a zombie does not count).
 */
export function startTimeOf(pid: number): string | undefined {
  if (process.platform === 'linux') return startTicks(pid);
  try {
    const told = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    const [state = '', ...start] = told.split(/\s+/);
    return told === '' || state.startsWith('Z') ? undefined : start.join(' ');
  } catch {
    return undefined;
  }
}

/** Field 22 of /proc/pid/stat; the command in field 2 may hold spaces and brackets. After a reboot ticks start anew. */
function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${bootId()}/${fields[19]}`;
  } catch {
    return undefined;
  }
}

let knownBootId: string | undefined;
function bootId(): string {
  knownBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().slice(0, 8);
  return knownBootId;
}

/** Whether this very process is still there, not another one with the same pid. */
export function isAlive(identity: { pid: number; startTime: string }): boolean {
  return startTimeOf(identity.pid) === identity.startTime;
}

/** Resident memory of a process in bytes; `undefined` when it is gone. */
export function residentBytes(pid: number): number | undefined {
  try {
    if (process.platform === 'linux') {
      const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      return kib === undefined ? undefined : Number(kib) * 1024;
    }
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
  } catch {
    return undefined;
  }
}

/** Sends a signal to the process's whole group; false when nothing was there to receive it. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}
