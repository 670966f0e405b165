/**
 * `node notice.ts CLIENT SERVERS SESSION_TIMEOUT_MS`: connects, prints `connected`, does nothing, and prints the wall clock in
 * milliseconds when the client says that the connection is gone. Ends by then; whoever started it ends it where that never comes.
 */
import { connect } from './clients.ts';

const [name = '', servers = '', sessionTimeoutMs = ''] = process.argv.slice(2);
const client = await connect(name, servers, Number(sessionTimeoutMs));
client.onLost(() => {
  process.stdout.write(`${Date.now()}\n`, () => process.exit(0));
});
process.stdout.write('connected\n');
// A client's own timers need not keep the process.
setInterval(() => undefined, 60_000);
