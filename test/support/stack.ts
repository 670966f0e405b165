import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Topic } from '@flashmesh/contracts';
import { EventProducer, type EventToPublish, KafkaConnection, type RawRecord } from '@flashmesh/messaging';
import { createLogger } from '@flashmesh/telemetry';
import { Kafka, logLevel } from 'kafkajs';
import { Shop } from './shop.ts';

const run = promisify(execFile);
const rushMain = join(import.meta.dirname, '../../dist/apps/rush/main.js');

/** What `rush verify --json` found; it exits with 1, and so rejects, when a rule is broken. */
export interface Verified {
  readonly ok: boolean;
  /** Records beyond the first with an id, by topic. */
  readonly duplicates: Readonly<Record<string, number>>;
}

/** A span as the trace query API tells it. */
export interface TraceSpan {
  readonly spanID: string;
  readonly operationName: string;
  readonly references: readonly { readonly refType: string; readonly spanID: string }[];
}

/** A parked record. */
export interface DeadLetter {
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The stack that `npm test` started for this run, and what tests may do to it. Everything opened here is closed afterwards. */
export function useStack() {
  const env = (name: string): string => {
    const value = process.env[name];
    if (!value) throw new Error(`${name} is not set: run the specs of test/stack with \`npm test -- stack\``);
    return value;
  };
  const brokers = env('KAFKA_BROKERS').split(',');
  const control = async (path: string) => {
    const response = await fetch(`${env('STACK_CONTROL')}${path}`, { method: 'POST' });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  };
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  const connection = new KafkaConnection({ brokers, clientId: `test-${randomUUID()}`, logger });
  const producer = new EventProducer(connection, { source: '/test' });
  const folder = mkdtemp(join(tmpdir(), 'flashmesh-test-'));
  afterAll(async () => {
    await producer.close();
    await connection.close();
    await rm(await folder, { recursive: true, force: true });
  });

  /** Runs a rush and returns the file that lists the accepted orders. */
  async function rush(o: { saleId: string; sku: string; buyers: number; rate: number }): Promise<string> {
    const accepted = join(await folder, `${o.saleId}.jsonl`);
    const args = ['run', '--gateway', env('GATEWAY_URL'), '--sale', o.saleId, '--sku', o.sku];
    await rushCli([...args, '--buyers', `${o.buyers}`, '--rate', `${o.rate}`, '--out', accepted]);
    return accepted;
  }

  /** Checks the rules from the outside, over everything that ever happened on this stack. */
  async function verify(o: { accepted?: string } = {}): Promise<Verified> {
    const accepted = o.accepted ? ['--accepted', o.accepted, '--gateway', env('GATEWAY_URL')] : [];
    const args = ['verify', '--brokers', brokers.join(','), '--wait', '90', '--json', ...accepted];
    return JSON.parse(await rushCli(args)) as Verified;
  }

  return {
    shop: new Shop(env('GATEWAY_URL'), env('ADMIN_TOKEN')),
    adminToken: env('ADMIN_TOKEN'),
    partitionsOf: (topic: { readonly name: string }) => connection.partitionsOf(topic.name),
    rush,
    verify,
    app: (name: string) => ({
      kill: (signal: NodeJS.Signals) => control(`/apps/${name}/kill/${signal}`),
      restart: () => control(`/apps/${name}/restart`),
    }),
    flushRedis: () => control('/redis/flush'),
    publish: <T>(topic: Topic<T>, event: EventToPublish<T>) => producer.publish(topic, event),
    publishRaw: (record: RawRecord) => producer.publishRaw(record),
    deadLetters: (topic: string) => readDeadLetters(brokers, topic),
    traces: (traceId: string) => readTrace(env('TRACES_URL'), traceId),
    logs: () => readLogs(env('STACK_LOGS')),
    addresses: () => grpcAddresses(env('STACK_CONTROL')),
  };
}

/** Runs the buyers' CLI and returns its last line; what it printed is the error when it fails. */
async function rushCli(args: string[]): Promise<string> {
  try {
    const { stdout } = await run(process.execPath, [rushMain, ...args], { maxBuffer: 64 * 1024 * 1024 });
    return stdout.trimEnd().split('\n').at(-1) ?? '';
  } catch (cause) {
    const { stdout, stderr } = cause as { stdout?: string; stderr?: string };
    throw new Error(`rush ${args[0]} failed:\n${stdout ?? ''}${stderr ?? ''}`, { cause });
  }
}

async function readTrace(url: string, traceId: string): Promise<{ service: string; span: TraceSpan }[]> {
  const response = await fetch(`${url}/api/traces/${traceId}`);
  if (!response.ok) return [];
  const { data } = (await response.json()) as {
    data: {
      spans: (TraceSpan & { processID: string })[];
      processes: Record<string, { serviceName: string }>;
    }[];
  };
  return data.flatMap(({ spans, processes }) =>
    spans.map((span) => ({ service: processes[span.processID]?.serviceName ?? '?', span })),
  );
}

/** `host:port` of an instance of each service. */
async function grpcAddresses(control: string): Promise<Record<string, string>> {
  const response = await fetch(`${control}/`);
  const { addresses } = (await response.json()) as { addresses: { grpc: Record<string, string> } };
  return Object.fromEntries(
    Object.entries(addresses.grpc)
      .filter(([name]) => name.endsWith('-1'))
      .map(([name, address]) => [name.slice(0, -2), address]),
  );
}

async function readLogs(folder: string): Promise<string[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.log'));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.flatMap((text) => text.split('\n'));
}

/** A look at a topic with Kafka's own client, so that the test does not depend on what it tests. */
async function readDeadLetters(brokers: string[], topic: string): Promise<DeadLetter[]> {
  const kafka = new Kafka({ brokers, clientId: 'test-dead-letters', logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `test-${randomUUID()}` });
  const found: DeadLetter[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        const headers = Object.fromEntries(
          Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
        );
        found.push({ id: headers['ce_id'] ?? '', headers });
      },
    });
    await new Promise((resolve) => setTimeout(resolve, 1500));
  } finally {
    await consumer.disconnect();
  }
  return found;
}
