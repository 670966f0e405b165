/** `node measure.ts CALLER PORTS CALLS IN_FLIGHT`: measures one caller in a process of its own; writes a line of JSON. */
import { callers } from './callers.ts';

const [name = '', ports = '[]', calls = '0', inFlight = '50'] = process.argv.slice(2);
const call = callers[name]?.(JSON.parse(ports) as number[]);
if (!call) throw new Error(`no caller ${name}`);

async function make(count: number, latencies: number[]): Promise<void> {
  let left = count;
  const work = async () => {
    while (left-- > 0) {
      const startedAt = performance.now();
      await call?.();
      latencies.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: Number(inFlight) }, work));
}

// Compiled code and connections first.
await make(Math.min(Number(calls), 5000), []);
const latencies: number[] = [];
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
await make(Number(calls), latencies);
const elapsedMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(cpuBefore);
latencies.sort((a, b) => a - b);
const quantile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
const result = {
  cpuMicros: (user + system) / Number(calls),
  perSecond: Number(calls) / (elapsedMs / 1000),
  p50Ms: quantile(0.5),
  p99Ms: quantile(0.99),
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
