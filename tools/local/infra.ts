import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, delimiter, join } from 'node:path';
import { findJava } from './java.ts';
import { resolveJars } from './jars.ts';
import type { ProcessSpec } from './managed-process.ts';
import type { Print } from './progress.ts';
import { properties } from './properties-file.ts';
import { kafkaReady, redisReady } from './readiness.ts';
import { redisFromJar, redisOnPath } from './redis-binary.ts';
import { runCommand } from './run-command.ts';
import { StackError } from './stack-error.ts';
import { type ZooKeeperPorts, zooKeeperSpecs, type ZooKeeperTuning } from './zookeeper-servers.ts';

/** Where the servers listen, all on 127.0.0.1. */
export interface InfraPorts {
  /** One server, or the members of an ensemble. */
  readonly zookeeper: readonly ZooKeeperPorts[];
  readonly kafka: number;
  readonly kafkaController: number;
  readonly redis: number;
}

/** The programs that were found or fetched. */
export interface InfraPrograms {
  readonly java: string;
  readonly jars: readonly string[];
  readonly redis: string;
}

/** Quick to start and small; nothing here runs long enough for the optimising compiler to pay. */
const jvm = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData'];
const kafkaHeap = ['-Xms64m', '-Xmx384m'];

/** Finds Java and Redis and fetches what is missing. */
export async function findPrograms(print: Print, signal?: AbortSignal): Promise<InfraPrograms> {
  const java = await findJava();
  const installed = await redisOnPath();
  const jars = await resolveJars({ redis: installed === undefined, print, signal });
  return { java, jars, redis: installed ?? (await redisFromJar(jars)) };
}

/** What to start, and how. */
export interface InfraChoice {
  /** ZooKeeper alone, for specs that need nothing else. @default false */
  readonly onlyZooKeeper?: boolean;
  readonly zookeeper?: ZooKeeperTuning;
}

/**
 * How to start ZooKeeper, Kafka and Redis with their data below `data`; writes their configuration and formats Kafka's
 * log on first use.
 */
export async function infraSpecs(
  programs: InfraPrograms,
  ports: InfraPorts,
  folders: { data: string; logs: string },
  o: InfraChoice = {},
): Promise<ProcessSpec[]> {
  const { data } = folders;
  const log4j = join(data, 'log4j2.properties');
  await writeFile(log4j, log4jProperties);
  const classpath = programs.jars
    .filter((jar) => !basename(jar).startsWith('embedded-redis'))
    .join(delimiter);
  const java: Java = {
    command: programs.java,
    args: (heap, ...rest) => [
      ...jvm,
      ...heap,
      `-Dlog4j2.configurationFile=${log4j}`,
      '-cp',
      classpath,
      ...rest,
    ],
  };
  const zookeeper = await zooKeeperSpecs(java, ports.zookeeper, folders, o.zookeeper);
  if (o.onlyZooKeeper) return zookeeper;
  return [
    ...zookeeper,
    await kafkaSpec(java, ports, folders),
    await redisSpec(programs.redis, ports.redis, folders),
  ];
}

interface Java {
  readonly command: string;
  /** The arguments for a heap and a main class. */
  readonly args: (heap: readonly string[], ...rest: string[]) => string[];
}

async function kafkaSpec(
  java: Java,
  ports: InfraPorts,
  { data, logs }: { data: string; logs: string },
): Promise<ProcessSpec> {
  const config = join(data, 'kafka.properties');
  await mkdir(join(data, 'kafka'), { recursive: true });
  await writeFile(config, kafkaProperties(join(data, 'kafka'), ports));
  await formatKafka(java, data);
  return {
    name: 'kafka',
    command: java.command,
    args: java.args(kafkaHeap, 'kafka.Kafka', config),
    logFile: join(logs, 'kafka.log'),
    ready: () => kafkaReady(ports.kafka),
    stopTimeoutMs: 15_000,
  };
}

async function redisSpec(
  redis: string,
  port: number,
  { data, logs }: { data: string; logs: string },
): Promise<ProcessSpec> {
  const folder = join(data, 'redis');
  await mkdir(folder, { recursive: true });
  return {
    name: 'redis',
    command: redis,
    // No persistence: what Redis holds is rebuilt from the log.
    args: [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'no',
    ],
    logFile: join(logs, 'redis.log'),
    ready: () => redisReady(port, folder),
  };
}

async function formatKafka(java: Java, data: string): Promise<void> {
  if (existsSync(join(data, 'kafka', 'meta.properties'))) return;
  const id = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const config = join(data, 'kafka.properties');
  const told = await runCommand(
    java.command,
    java.args(kafkaHeap, 'kafka.tools.StorageTool', 'format', '-t', id, '-c', config),
  );
  if (told.code === 0) return;
  throw new StackError("Kafka's log folder could not be formatted.", 'Its last lines are above.', {
    evidence: told.lines.slice(-8),
  });
}

function kafkaProperties(folder: string, ports: InfraPorts): string {
  const controller = `127.0.0.1:${ports.kafkaController}`;
  return properties({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${ports.kafka},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.kafka}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': folder,
    'auto.create.topics.enable': false,
    // One broker: one replica of everything.
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // Groups form at once, and a dead member is noticed soon.
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    // A third of the heap by default.
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
  });
}

const log4jProperties = properties({
  'rootLogger.level': 'WARN',
  'rootLogger.appenderRef.console.ref': 'console',
  'appender.console.type': 'Console',
  'appender.console.name': 'console',
  'appender.console.layout.type': 'PatternLayout',
  'appender.console.layout.pattern': '%d{HH:mm:ss.SSS} %p %m (%c{1})%n',
});
