import { numberFlag, parseFlags, readPeerSecurity, required, urlFlag } from '@flashmesh/core';
import { KafkaConnection } from '@flashmesh/messaging';
import { createLogger } from '@flashmesh/telemetry';
import { readAcceptedOrders } from '../accepted-orders.ts';
import { type RuleReport, Violations } from '../domain/violations.ts';
import { GatewayClient } from '../run/gateway-client.ts';
import { awaitSettled } from './await-settled.ts';
import { checkReadable } from './readable.ts';
import { checkLog, type LogReport } from './verify.ts';

const text = { type: 'string' } as const;

/** `rush verify`. Returns the exit code. */
export async function verifyCommand(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, {
    brokers: text,
    accepted: text,
    gateway: text,
    wait: { ...text, default: '30' },
    'expect-confirmed': text,
    json: { type: 'boolean', default: false },
  });
  const brokers = required('brokers', flags.brokers).split(',');
  const waitMs = numberFlag('wait', flags.wait, { min: 0, max: 3600 }) * 1000;
  const expected = flags['expect-confirmed'];
  const expectedUnits =
    expected === undefined
      ? undefined
      : numberFlag('expect-confirmed', expected, { min: 0, max: 1e9, whole: true });
  const gateway = flags.gateway === undefined ? undefined : urlFlag('gateway', flags.gateway);
  const security = readPeerSecurity('KAFKA');
  const accepted = flags.accepted === undefined ? [] : await readAcceptedOrders(flags.accepted);
  const logger = createLogger({
    service: 'rush',
    instance: 'verify',
    level: 'warn',
    destination: { write: (line) => void process.stderr.write(line) },
  });
  const kafka = new KafkaConnection({ brokers, clientId: 'rush-verify', security, logger });
  try {
    const log = await awaitSettled(() => checkLog(kafka, accepted), waitMs);
    const rules = [...log.rules];
    if (gateway !== undefined && accepted.length > 0) {
      const client = new GatewayClient(gateway);
      try {
        rules.push(await checkReadable(client, accepted, log.endOf));
      } finally {
        await client.close();
      }
    }
    if (expectedUnits !== undefined) rules.push(expectUnits(expectedUnits, log.confirmedUnits));
    const ok = rules.every((rule) => rule.ok);
    process.stdout.write(flags.json ? `${JSON.stringify({ ...log, ok, rules })}\n` : textOf(log, rules));
    return ok ? 0 : 1;
  } finally {
    await kafka.close();
  }
}

function expectUnits(expected: number, confirmedUnits: number): RuleReport {
  const found = new Violations();
  if (confirmedUnits !== expected) found.add(`${confirmedUnits} units are confirmed instead of ${expected}`);
  return found.report('sold exactly', { expected, confirmedUnits });
}

function textOf(log: LogReport, rules: readonly RuleReport[]): string {
  const { p50, p99 } = log.acceptToConfirmedMs;
  return [
    ...rules.flatMap(({ rule, ok, counts, broken, examples }) => [
      `${ok ? 'holds ' : 'BROKEN'} ${rule}: ${pairs(counts)}${ok ? '' : `; broken ${broken} times`}`,
      ...examples.map((example) => `         ${example}`),
    ]),
    `records, each id once: ${pairs(log.records)}`,
    `duplicates seen and ignored: ${pairs(log.duplicates)}`,
    `accept to confirmed: p50 ${p50 ?? '-'} ms, p99 ${p99 ?? '-'} ms`,
    '',
  ].join('\n');
}

function pairs(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
