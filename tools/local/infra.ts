import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, delimiter, join } from 'node:path';
import { findJava } from './java.ts';
import { resolveJars } from './jars.ts';
import type { ProcessSpec } from './managed-process.ts';
import type { Print } from './progress.ts';
import { kafkaReady, redisReady, zooKeeperReady } from './readiness.ts';
import { redisFromJar, redisOnPath } from './redis-binary.ts';
import { runCommand } from './run-command.ts';
import { StackError } from './stack-error.ts';

/** Where the servers listen, all on 127.0.0.1. */
export interface InfraPorts {
  readonly zookeeper: number;
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
const zooKeeperHeap = ['-Xms16m', '-Xmx128m'];
const kafkaHeap = ['-Xms64m', '-Xmx384m'];

/** Finds Java and Redis and fetches what is missing. */
export async function findPrograms(print: Print, signal?: AbortSignal): Promise<InfraPrograms> {
  const java = await findJava();
  const installed = await redisOnPath();
  const jars = await resolveJars({ redis: installed === undefined, print, signal });
  return { java, jars, redis: installed ?? (await redisFromJar(jars)) };
}

/**
 * How to start ZooKeeper, Kafka and Redis with their data below `data`; writes their configuration and formats Kafka's
 * log on first use.
 */
export async function infraSpecs(
  programs: InfraPrograms,
  ports: InfraPorts,
  folders: { data: string; logs: string },
): Promise<ProcessSpec[]> {
  const { data, logs } = folders;
  const log4j = join(data, 'log4j2.properties');
  for (const folder of ['zookeeper', 'kafka', 'redis']) await mkdir(join(data, folder), { recursive: true });
  await writeFile(log4j, log4jProperties);
  await writeFile(join(data, 'zookeeper.cfg'), zooKeeperConfig(join(data, 'zookeeper'), ports));
  await writeFile(join(data, 'kafka.properties'), kafkaProperties(join(data, 'kafka'), ports));
  const classpath = programs.jars
    .filter((jar) => !basename(jar).startsWith('embedded-redis'))
    .join(delimiter);
  const java = (heap: readonly string[], ...rest: string[]) => [
    ...jvm,
    ...heap,
    `-Dlog4j2.configurationFile=${log4j}`,
    '-cp',
    classpath,
    ...rest,
  ];
  await formatKafka(programs.java, (...rest) => java(kafkaHeap, ...rest), data);
  return [
    {
      name: 'zookeeper',
      command: programs.java,
      args: java(
        zooKeeperHeap,
        'org.apache.zookeeper.server.quorum.QuorumPeerMain',
        join(data, 'zookeeper.cfg'),
      ),
      logFile: join(logs, 'zookeeper.log'),
      ready: () => zooKeeperReady(ports.zookeeper),
    },
    {
      name: 'kafka',
      command: programs.java,
      args: java(kafkaHeap, 'kafka.Kafka', join(data, 'kafka.properties')),
      logFile: join(logs, 'kafka.log'),
      ready: () => kafkaReady(ports.kafka),
      stopTimeoutMs: 15_000,
    },
    {
      name: 'redis',
      command: programs.redis,
      // No persistence: what Redis holds is rebuilt from the log.
      args: [
        '--port',
        String(ports.redis),
        '--bind',
        '127.0.0.1',
        '--dir',
        join(data, 'redis'),
        '--save',
        '',
        '--appendonly',
        'no',
      ],
      logFile: join(logs, 'redis.log'),
      ready: () => redisReady(ports.redis, join(data, 'redis')),
    },
  ];
}

async function formatKafka(java: string, args: (...rest: string[]) => string[], data: string): Promise<void> {
  if (existsSync(join(data, 'kafka', 'meta.properties'))) return;
  const id = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const config = join(data, 'kafka.properties');
  const told = await runCommand(java, args('kafka.tools.StorageTool', 'format', '-t', id, '-c', config));
  if (told.code === 0) return;
  throw new StackError("Kafka's log folder could not be formatted.", 'Its last lines are above.', {
    evidence: told.lines.slice(-8),
  });
}

function zooKeeperConfig(folder: string, ports: InfraPorts): string {
  return lines({
    tickTime: 1000,
    dataDir: folder,
    clientPort: ports.zookeeper,
    clientPortAddress: '127.0.0.1',
    'admin.enableServer': false,
    maxClientCnxns: 0,
    extendedTypesEnabled: true,
  });
}

function kafkaProperties(folder: string, ports: InfraPorts): string {
  const controller = `127.0.0.1:${ports.kafkaController}`;
  return lines({
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

const log4jProperties = lines({
  'rootLogger.level': 'WARN',
  'rootLogger.appenderRef.console.ref': 'console',
  'appender.console.type': 'Console',
  'appender.console.name': 'console',
  'appender.console.layout.type': 'PatternLayout',
  'appender.console.layout.pattern': '%d{HH:mm:ss.SSS} %p %m (%c{1})%n',
});

/** Java reads these files as Latin-1 with escapes. */
function lines(properties: Record<string, string | number | boolean>): string {
  const escape = (value: string) =>
    value
      .replaceAll('\\', '\\\\')
      .replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${escape(String(value))}\n`)
    .join('');
}
