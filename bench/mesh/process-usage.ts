import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Ticks a second in `/proc`: 100 for every program, whatever the kernel itself counts by. */
const USER_HZ = 100;
const ESTABLISHED = '01';

/** User and system time of another process so far, in microseconds, to a hundredth of a second. Linux only. */
export function cpuMicrosOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in field 2 may hold spaces and brackets; these are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / USER_HZ;
}

/** How many established TCP connections this process holds; `undefined` where the system has no `/proc` to tell. */
export function ownConnections(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const inodes = new Set(readdirSync('/proc/self/fd').map(socketInode));
  const held = (table: string) =>
    table
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === ESTABLISHED && inodes.has(inode));
  // The tables list what the whole network namespace has.
  return ['tcp', 'tcp6'].flatMap((name) => held(readFileSync(`/proc/self/net/${name}`, 'utf8'))).length;
}

function socketInode(fd: string): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  } catch (error) {
    // The one that the folder was read by is closed again.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
