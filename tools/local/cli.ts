/**
 * The stack on one machine, from the command line; `bootstrap.mjs` runs it with the pinned Node. See `usage` below.
 */
import { parseArgs } from 'node:util';
import { ControlServer } from './control-server.ts';
import { runDemo } from './demo.ts';
import { type Fault, faults, requirePossible } from './demo-chaos.ts';
import { type DemoItem, ensureDemoSale } from './demo-sale.ts';
import { LocalStack } from './local-stack.ts';
import { logPrinter } from './log-printer.ts';
import { toTerminal } from './progress.ts';
import { allPhases, type Phase, runTests } from './run-tests.ts';
import { describeError, StackError } from './stack-error.ts';
import type { AskedPorts } from './stack-ports.ts';
import { StopSignals } from './stop-signals.ts';
import { findJaeger } from './trace-store.ts';
import { type ZooKeeperCount, zooKeeperCounts } from './zookeeper-servers.ts';

const usage = `Usage: npm start -- [options]       the stack with a demo sale, until Ctrl-C
       npm run demo -- [options]    the stack, a rush of buyers, verification, stop
       npm test -- [phases] [options]
       node tools/local/bootstrap.mjs infra [options]    only ZooKeeper, Kafka and Redis

start, infra   --fresh                throw away the data of earlier runs
               --zookeeper 1|3        one ZooKeeper server, or an ensemble of three (1)
               --<server>-port N      gateway, zookeeper, kafka, redis, otlp, traces; else the usual or any free one
               --with-jaeger          fail where there is no Jaeger (JAEGER_BIN or PATH); one that is there is used anyway
demo           --zookeeper 1|3        as above
               --buyers N             how many buyers (2000)
               --stock N              how many pieces (500)
               --rate N               orders a second (500)
               --chaos a,b            faults in the middle of the rush: ${faults.join(', ')}
test           phases                 some of ${allPhases.join(', ')}; without a name a share of faults, and all others
                                      but charts, which need helm
               --filter TEXT          only spec files whose path contains it
               --reuse                use the stack that npm start runs`;

const print = toTerminal;
const demoItems: readonly DemoItem[] = [
  { sku: 'phone', name: 'Phone', unitPrice: 49900, limitPerBuyer: 2, stock: 1000 },
  { sku: 'lamp', name: 'Desk lamp', unitPrice: 4900, limitPerBuyer: 1, stock: 10 },
];

const portOptions = ['gateway', 'zookeeper', 'kafka', 'redis', 'otlp', 'traces'] as const;

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  const [command, ...rest] = positionals;
  if (values.help || command === undefined) {
    print(usage);
    return command === undefined && !values.help ? 2 : 0;
  }
  if (values['with-jaeger'] && (await findJaeger()) === undefined) {
    throw new StackError(
      'There is no Jaeger 2 on the PATH.',
      'Set JAEGER_BIN to one, or leave --with-jaeger out: traces are then kept in a small store with the same API.',
    );
  }
  const signals = new StopSignals(print);
  try {
    switch (command) {
      case 'start':
      case 'infra':
        noMore(rest);
        return await serve(
          command,
          {
            fresh: values.fresh ?? false,
            ports: askedPorts(values),
            zooKeepers: zooKeepersOf(values.zookeeper),
          },
          signals,
        );
      case 'demo':
        noMore(rest);
        return await demo(values, signals);
      case 'test':
        return await runTests({
          phases: phasesOf(rest),
          filter: values.filter,
          reuse: values.reuse ?? false,
          print,
          signal: signals.signal,
          onStack: (stack) => signals.onImpatience(() => stack.abandon()),
        });
      default:
        throw new StackError(`There is no command ${command}.`, usage);
    }
  } finally {
    signals.release();
  }
}

/** `start` and `infra`: runs until a signal, or until a server dies. */
async function serve(
  command: 'start' | 'infra',
  o: { fresh: boolean; ports: AskedPorts; zooKeepers: ZooKeeperCount },
  signals: StopSignals,
): Promise<number> {
  const started = performance.now();
  const withApps = command === 'start';
  const stack = await LocalStack.start({
    name: command,
    apps: withApps,
    fresh: o.fresh,
    ports: o.ports,
    zooKeepers: o.zooKeepers,
    print,
    signal: signals.signal,
    env: { LOG_FORMAT: 'pretty' },
    onLine: logPrinter(print),
    onFatal: (error) => signals.stop(error),
  });
  signals.onImpatience(() => stack.abandon());
  const control = await ControlServer.listen(stack);
  try {
    if (withApps) {
      const shop = { gateway: stack.addresses.gateway, adminToken: stack.adminToken };
      const sale = await ensureDemoSale(shop, demoItems);
      printWelcome(stack, sale);
    } else {
      for (const name of ['ZOOKEEPER', 'KAFKA_BROKERS', 'REDIS_URL']) print(`${name}=${stack.env[name]}`);
    }
    print(`ready in ${((performance.now() - started) / 1000).toFixed(1)} s; stop with Ctrl-C`);
    await signals.stopped;
  } finally {
    control.close();
    await stack.stop();
  }
  if (signals.error === undefined) return 0;
  print(describeError(signals.error));
  return 1;
}

function printWelcome(stack: LocalStack, sale: string): void {
  const { gateway, traces, zookeeper, kafka, redis } = stack.addresses;
  const order = JSON.stringify({
    saleId: sale,
    sku: demoItems[0]?.sku,
    quantity: 1,
    paymentMethod: 'tok_ok',
  });
  print(`
  shop       ${gateway}/docs
  traces     ${traces}
  servers    zookeeper ${zookeeper}   kafka ${kafka}   redis ${redis}
  gRPC       ${stack.addresses.grpc['gateway-1']} (gateway), ${stack.addresses.grpc['catalog-1']} (catalog), ${stack.addresses.grpc['order-1']} (order)
  logs       ${stack.logs}
  admin      ADMIN_TOKEN=${stack.adminToken}

  Order something from the sale "${sale}":
    TOKEN=$(curl -s -X POST ${gateway}/api/sessions | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
    curl -s ${gateway}/api/orders -H "Authorization: Bearer $TOKEN" -H 'Idempotency-Key: first' \\
      -H 'Content-Type: application/json' -d '${order}'
`);
}

async function demo(values: Values, signals: StopSignals): Promise<number> {
  const o = {
    buyers: positiveInteger('buyers', values.buyers, 2000),
    stock: positiveInteger('stock', values.stock, 500),
    rate: positiveInteger('rate', values.rate, 500),
    chaos: faultsOf(values.chaos),
    print,
    signal: signals.signal,
  };
  const zooKeepers = zooKeepersOf(values.zookeeper);
  requirePossible(o.chaos, zooKeepers);
  const stack = await LocalStack.start({
    name: 'demo',
    temporary: true,
    ports: askedPorts(values),
    zooKeepers,
    infra: { zookeeper: { fourLetterWords: ['dump'] } },
    print,
    signal: signals.signal,
    onFatal: (error) => signals.stop(error),
  });
  signals.onImpatience(() => stack.abandon());
  try {
    return await runDemo(stack, o);
  } finally {
    await stack.stop();
  }
}

type Values = ReturnType<typeof readArguments>['values'];

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        fresh: { type: 'boolean' },
        reuse: { type: 'boolean' },
        filter: { type: 'string' },
        buyers: { type: 'string' },
        stock: { type: 'string' },
        rate: { type: 'string' },
        chaos: { type: 'string' },
        zookeeper: { type: 'string' },
        'with-jaeger': { type: 'boolean' },
        'gateway-port': { type: 'string' },
        'zookeeper-port': { type: 'string' },
        'kafka-port': { type: 'string' },
        'redis-port': { type: 'string' },
        'otlp-port': { type: 'string' },
        'traces-port': { type: 'string' },
      },
    });
  } catch (error) {
    throw new StackError((error as Error).message, `\n\n${usage}`);
  }
}

function askedPorts(values: Values): AskedPorts {
  return Object.fromEntries(
    portOptions.flatMap((name) => {
      const text = values[`${name}-port`];
      if (text === undefined) return [];
      const port = positiveInteger(`${name}-port`, text, 0);
      if (port > 65_535) throw new StackError(`--${name}-port ${text} is not a port.`, 'Ports end at 65535.');
      return [[name, port]];
    }),
  );
}

function positiveInteger(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new StackError(`--${option} must be a positive integer, got ${text}.`, 'Give a number.');
}

function zooKeepersOf(text: string | undefined): ZooKeeperCount {
  const count = zooKeeperCounts.find((known) => String(known) === (text ?? '1'));
  if (count !== undefined) return count;
  throw new StackError(
    `--zookeeper must be ${zooKeeperCounts.join(' or ')}, got ${text}.`,
    'One server, or an ensemble that survives the loss of one.',
  );
}

function faultsOf(text: string | undefined): readonly Fault[] {
  const names = text === undefined || text === '' ? [] : text.split(',');
  return names.map((name) => {
    const known = faults.find((fault) => fault === name);
    if (known === undefined) {
      throw new StackError(`--chaos ${name} is unknown.`, `There are ${faults.join(', ')}.`);
    }
    return known;
  });
}

function phasesOf(names: readonly string[]): readonly Phase[] | undefined {
  if (names.length === 0) return undefined;
  return names.map((name) => {
    const known = allPhases.find((phase) => phase === name);
    if (known === undefined) {
      throw new StackError(`There are no ${name} specs.`, `There are ${allPhases.join(', ')}.`);
    }
    return known;
  });
}

function noMore(rest: readonly string[]): void {
  if (rest.length > 0) throw new StackError(`${rest.join(' ')}: too many arguments.`, `\n\n${usage}`);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    print(describeError(error));
    process.exit(1);
  },
);
