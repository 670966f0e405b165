/**
 * `node measure.ts TASK`: measures one caller in a process of its own. The task, a {@link Task}, is JSON; one JSON object, a
 * {@link Measured}, is the last line of standard output.
 */
import type { Target } from './caller.ts';
import { callers } from './callers.ts';
import { cpuMicrosOf, ownConnections } from './process-usage.ts';

export interface Task extends Target {
  readonly caller: string;
  readonly calls: number;
  readonly inFlight: number;
  /** Of the proxy that the calls go through, to know what it costs. */
  readonly proxyPid?: number;
}

export interface Measured {
  /** User and system time of the whole process for each call. */
  readonly cpuMicros: number;
  /** The same of the proxy; `null` when there is none. */
  readonly proxyCpuMicros: number | null;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** TCP connections at the end; `null` where the system does not tell. */
  readonly connections: number | null;
}

/** Calls that do not count: compiled code and connections come first. */
const WARM_UP = 5000;

async function make(
  call: () => Promise<unknown>,
  count: number,
  inFlight: number,
  latencies: number[],
): Promise<void> {
  let left = count;
  const work = async () => {
    while (left-- > 0) {
      const startedAt = performance.now();
      await call();
      latencies.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
}

async function measure({ caller, calls, inFlight, proxyPid, ...target }: Task): Promise<Measured> {
  const call = callers[caller]?.(target);
  if (!call) throw new RangeError(`there is no caller ${caller}`);
  const proxyCpu = () => (proxyPid === undefined ? 0 : cpuMicrosOf(proxyPid));
  await make(call, Math.min(calls, WARM_UP), inFlight, []);
  const latencies: number[] = [];
  const proxyBefore = proxyCpu();
  const before = process.cpuUsage();
  const startedAt = performance.now();
  await make(call, calls, inFlight, latencies);
  const elapsedMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  const proxyMicros = proxyCpu() - proxyBefore;
  latencies.sort((a, b) => a - b);
  const quantile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
  return {
    cpuMicros: (user + system) / calls,
    proxyCpuMicros: proxyPid === undefined ? null : proxyMicros / calls,
    perSecond: calls / (elapsedMs / 1000),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    connections: ownConnections() ?? null,
  };
}

const measured = await measure(JSON.parse(process.argv[2] ?? '') as Task);
process.stdout.write(`${JSON.stringify(measured)}\n`, () => process.exit(0));
