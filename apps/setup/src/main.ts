import { FlashmeshError, messageOf } from '@flashmesh/core';
import { saleCommand } from './sale.ts';
import { topicsCommand } from './topics.ts';

const USAGE = `usage:
  setup topics --brokers HOST:PORT,... --partitions N --replication N
      Waits up to a minute for Kafka, creates the topics of the shop that are missing, and checks that the others have this number of partitions.
      Credentials come from the environment, as for every service (KAFKA_TLS, KAFKA_CA_FILE, KAFKA_USERNAME, KAFKA_PASSWORD_FILE).
  setup sale   --gateway URL --sale ID --sku SKU --stock N [--name TEXT] [--price CENTS] [--limit N] [--wait SECONDS]
      Opens a sale of one article through the admin API, with the token in ADMIN_TOKEN. A sale of this id and content that is
      open already is success.
exit code: 0 it is there, 1 it could not be made, 2 the command line is wrong
`;

const [name, ...args] = process.argv.slice(2);
const commands: Record<string, (args: readonly string[]) => Promise<void>> = {
  topics: topicsCommand,
  sale: saleCommand,
};
const command = commands[name ?? ''];
// The first process of a container ignores signals that it does not handle.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1));
// Timers of the libraries do not keep a process alive by themselves; the work under way shall.
const keepAlive = setInterval(() => undefined, 60_000);
try {
  if (command) await command(args);
  else {
    const asked = name === 'help' || name === '--help' || name === '-h';
    (asked ? process.stdout : process.stderr).write(USAGE);
    process.exitCode = asked ? 0 : 2;
  }
} catch (error) {
  const usage = error instanceof FlashmeshError && error.code === 'USAGE';
  process.stderr.write(`setup: ${messageOf(error)}\n${usage ? USAGE : ''}`);
  process.exitCode = usage ? 2 : 1;
} finally {
  clearInterval(keepAlive);
}
