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
  const answer = await askZooKeeper(port, 'srvr');
  expect(answer.includes('Mode:'), 'ZooKeeper does not serve yet');
}

/** Says a four letter word to a ZooKeeper server of this machine; it says all it has to say and closes. */
export async function askZooKeeper(port: number, word: string): Promise<string> {
  return (await ask(port, Buffer.from(word), () => false)).toString();
}

/**
 * Kafka answers ApiVersions (a broker does so from the moment when it is registered and unfenced), has a coordinator for
 * groups (the first question creates `__consumer_offsets`), and that one has loaded its groups. Only then can a consumer
 * join without being sent away.
 */
export async function kafkaReady(port: number): Promise<void> {
  const group = kafkaString('readiness');
  const versions = await askKafka(port, 18, Buffer.alloc(0));
  expectNoError('ApiVersions', versions.readInt16BE(0));
  const coordinator = await askKafka(port, 10, group);
  expectNoError('FindCoordinator', coordinator.readInt16BE(0));
  const described = await askKafka(port, 15, Buffer.concat([Buffer.from([0, 0, 0, 1]), group]));
  expectNoError('DescribeGroups', described.readInt16BE(4));
}

function expectNoError(question: string, code: number): void {
  expect(code === 0, `Kafka answered ${question} with error ${code}`);
}

/** A request of version 0 with request header 1, and the body of the response. */
async function askKafka(port: number, apiKey: number, body: Buffer): Promise<Buffer> {
  const correlationId = 7;
  const header = Buffer.alloc(14);
  header.writeInt32BE(10 + body.length, 0);
  header.writeInt16BE(apiKey, 4);
  header.writeInt32BE(correlationId, 8);
  header.writeInt16BE(-1, 12);
  const whole = (bytes: Buffer) => bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0);
  const answer = await ask(port, Buffer.concat([header, body]), whole);
  expect(whole(answer) && answer.readInt32BE(4) === correlationId, 'Kafka does not answer yet');
  return answer.subarray(8);
}

function kafkaString(text: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeInt16BE(text.length);
  return Buffer.concat([length, Buffer.from(text)]);
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
    socket.once('connect', () => socket.write(question));
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (complete(answer)) finish();
    });
  });
}

function expect(ok: boolean, otherwise: string): void {
  if (!ok) throw new Error(otherwise);
}
