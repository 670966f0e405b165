import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { LocalStack } from './local-stack.ts';
import { askZooKeeper } from './readiness.ts';
import { describeError } from './stack-error.ts';
import { portOf } from './zookeeper-words.ts';

/** Beside the data of a running stack: how to reach it, for `--reuse`. */
export const stackFileName = 'stack.json';

/** What a running stack tells of itself. */
export interface StackFile {
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Lets other processes, e.g. the specs of test/stack, do to a running stack what faults do:
 * `POST /apps/<name>/kill/<signal>`, `POST /apps/<name>/restart`, the same below `/zookeeper`, `POST /redis/flush`, `GET /`, and
 * `GET /zookeeper/<name>/say/<word>` for a four letter word. Listens on 127.0.0.1 below a path that only a reader of the run's
 * folder can know. Each answer is sent when the deed is done.
 */
export class ControlServer {
  readonly url: string;
  private readonly server: Server;
  private readonly file: string;

  private constructor(server: Server, url: string, file: string) {
    this.server = server;
    this.url = url;
    this.file = file;
  }

  static async listen(stack: LocalStack): Promise<ControlServer> {
    const secret = randomBytes(12).toString('base64url');
    const server = createServer((request, response) => {
      const url = request.url ?? '';
      if (!url.startsWith(`/${secret}/`)) return answer(response, 404, 'not found');
      void serve(stack, request, url.slice(secret.length + 1), response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${secret}`;
    const file = join(stack.path, stackFileName);
    const told: StackFile = { env: { ...stack.env, STACK_CONTROL: url } };
    writeFileSync(file, JSON.stringify(told, null, 2), { mode: 0o600 });
    return new ControlServer(server, url, file);
  }

  close(): void {
    rmSync(this.file, { force: true });
    this.server.close();
    this.server.closeAllConnections();
  }
}

async function serve(
  stack: LocalStack,
  request: IncomingMessage,
  path: string,
  response: ServerResponse,
): Promise<void> {
  try {
    if (request.method === 'GET' && path === '/') {
      const { addresses, logs } = stack;
      const processes = stack.processes.map(({ name, pid, residentBytes }) => ({ name, pid, residentBytes }));
      return answer(response, 200, { addresses, logs, processes });
    }
    const [, kind, name = '', deed, detail = ''] = path.split('/');
    if (request.method === 'GET' && kind === 'zookeeper' && deed === 'say') {
      return answer(response, 200, await askZooKeeper(portOf(stack.zooKeeperAddress(name)), detail));
    }
    if (request.method !== 'POST') return answer(response, 405, 'POST');
    const target =
      kind === 'apps' ? stack.app(name) : kind === 'zookeeper' ? stack.zooKeeper(name) : undefined;
    if (kind === 'redis' && name === 'flush') await stack.flushRedis();
    else if (target && deed === 'kill') await target.kill(detail as NodeJS.Signals);
    else if (target && deed === 'restart') await target.restart();
    else return answer(response, 404, 'not found');
    answer(response, 200, 'done');
  } catch (error) {
    answer(response, 500, describeError(error));
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
