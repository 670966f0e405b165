import { get } from 'node:http';
import { connect } from 'node:net';

const answerTimeoutMs = 1000;

/** Redis answers PING. It says LOADING first when it reads a dump. */
export async function redisReady(port: number): Promise<void> {
  const answer = await ask(port, Buffer.from('PING\r\n'), (bytes) => bytes.includes('\r\n'));
  expect(
    answer.toString('latin1').startsWith('+PONG'),
    `Redis answered ${JSON.stringify(answer.toString())}`,
  );
}

/** ZooKeeper answers `srvr`, the one four letter word that is allowed by default, with its mode when it serves. */
export async function zooKeeperReady(port: number): Promise<void> {
  const answer = await ask(port, Buffer.from('srvr'), (bytes) => bytes.includes('Mode:'));
  expect(answer.includes('Mode:'), 'ZooKeeper does not serve yet');
}

/** Kafka answers ApiVersions (key 18, version 0): a broker does so from the moment when it is registered and unfenced. */
export async function kafkaReady(port: number): Promise<void> {
  const correlationId = 7;
  const request = Buffer.alloc(4 + 10);
  request.writeInt32BE(10, 0);
  request.writeInt16BE(18, 4);
  request.writeInt16BE(0, 6);
  request.writeInt32BE(correlationId, 8);
  request.writeInt16BE(-1, 12);
  const answer = await ask(port, request, (bytes) => bytes.length >= 10);
  expect(answer.length >= 10 && answer.readInt32BE(4) === correlationId, 'Kafka sent something else');
  expect(answer.readInt16BE(8) === 0, `Kafka answered error ${answer.readInt16BE(8)}`);
}

/** The path answers 200 on this port of 127.0.0.1. The error carries the beginning of any other answer. */
export function httpReady(port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(
      { host: '127.0.0.1', port, path, agent: false, timeout: answerTimeoutMs },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.on('end', () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`${path} answered ${response.statusCode}: ${body.slice(0, 300)}`));
        });
      },
    );
    request.on('timeout', () => request.destroy(new Error(`${path} did not answer`)));
    request.on('error', reject);
  });
}

/** Somebody accepts connections on this port of 127.0.0.1: for servers that speak only protocols that we do not. */
export async function portReady(port: number): Promise<void> {
  await ask(port, Buffer.alloc(0), () => true);
}

/** Sends the bytes and collects the answer until it is complete, the other side closes, or the time is over. */
function ask(port: number, question: Buffer, complete: (answer: Buffer) => boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let answer = Buffer.alloc(0);
    const finish = (error?: Error) => {
      socket.destroy();
      if (error) reject(error);
      else resolve(answer);
    };
    socket.setTimeout(answerTimeoutMs, () => finish(new Error(`port ${port} did not answer`)));
    socket.once('error', finish);
    socket.once('end', () => finish());
    socket.once('connect', () => (question.length === 0 ? finish() : socket.write(question)));
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (complete(answer)) finish();
    });
  });
}

function expect(ok: boolean, otherwise: string): void {
  if (!ok) throw new Error(otherwise);
}
