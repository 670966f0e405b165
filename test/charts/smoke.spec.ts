import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { find, type Manifest, render, type RenderOptions } from './support.ts';

/**
 * tools/deploy/smoke.sh against what the charts render: kubectl is a stand-in that knows these objects, the gateway one that takes
 * a single order, and Jaeger serves with the certificate that its chart made.
 */
const root = join(import.meta.dirname, '../..');
const ADMIN_TOKEN = 'the-admin';
const opened: (() => void)[] = [];

afterEach(() => {
  for (const close of opened.splice(0)) close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A shop that confirms what was ordered; it tells which trace the order was to have. */
function gateway(seen: { trace: string }) {
  const answer = (response: ServerResponse, status: number, body: object) => {
    response.writeHead(status, { 'content-type': 'application/json', 'x-trace-id': seen.trace });
    response.end(JSON.stringify(body));
  };
  return createServer((request: IncomingMessage, response) => {
    request.resume();
    const { method, url, headers } = request;
    switch (`${method} ${url}`) {
      case 'POST /api/admin/sales':
        return answer(response, headers.authorization === `Bearer ${ADMIN_TOKEN}` ? 201 : 401, {});
      case 'POST /api/sessions':
        return answer(response, 201, { token: 'buyer' });
      case 'POST /api/orders':
        seen.trace = String(headers['traceparent']).split('-')[1] ?? '';
        return answer(response, 202, { id: 'o-1' });
      default:
        return answer(response, 200, { id: 'o-1', state: 'CONFIRMED' });
    }
  });
}

interface Installed {
  readonly flashmesh?: RenderOptions;
  readonly jaeger?: RenderOptions;
  readonly secrets?: readonly Manifest[];
  /** The Secret whose certificate Jaeger presents; by default the one of the charts, where they make one. */
  readonly presented?: Manifest;
}

/** Runs the script on a cluster that has these charts. */
async function smoke(o: Installed): Promise<{ readonly code: number | null; readonly told: string }> {
  const objects = [...render('flashmesh', o.flashmesh), ...render('jaeger', o.jaeger), ...(o.secrets ?? [])];
  for (const { kind, metadata, data } of objects) {
    if (kind === 'Secret' && data?.ADMIN_TOKEN) data.ADMIN_TOKEN = base64(ADMIN_TOKEN);
    metadata.labels ??= {};
  }
  const seen = { trace: '' };
  const processes = { p1: { serviceName: 'gateway' }, p2: { serviceName: 'order' } };
  const traces = (request: IncomingMessage, response: ServerResponse) => {
    const known = seen.trace !== '' && request.url === `/api/traces/${seen.trace}`;
    response.writeHead(known ? 200 : 404).end(JSON.stringify({ data: known ? [{ processes }] : [] }));
  };
  const tls = o.presented ?? objects.find(({ data }) => data?.['tls.crt']);
  const pem = (key: string) => Buffer.from(tls.data[key], 'base64');
  const jaeger = tls
    ? createTlsServer({ cert: pem('tls.crt'), key: pem('tls.key') }, traces)
    : createServer(traces);
  const serviceOf = (app: string): string =>
    objects.find(
      ({ kind, metadata }) => kind === 'Service' && metadata.labels['app.kubernetes.io/component'] === app,
    ).metadata.name;
  const ports = {
    [serviceOf('gateway')]: await listen(gateway(seen)),
    [serviceOf('jaeger')]: await listen(jaeger),
  };
  const folder = mkdtempSync(join(tmpdir(), 'flashmesh-smoke-'));
  opened.push(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'objects.json'), JSON.stringify(objects));
  const standIn = join(import.meta.dirname, 'stand-ins/kubectl.mjs');
  writeFileSync(join(folder, 'kubectl'), `#!/bin/sh\nexec '${process.execPath}' '${standIn}' "$@"\n`);
  chmodSync(join(folder, 'kubectl'), 0o755);
  return run({
    PATH: `${folder}:${process.env['PATH']}`,
    OBJECTS: join(folder, 'objects.json'),
    PORTS: JSON.stringify(ports),
  });
}

function run(env: Record<string, string>): Promise<{ code: number | null; told: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'tools/deploy/smoke.sh'), ['flashmesh'], {
      env: { ...process.env, ...env },
    });
    let told = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (told += chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, told }));
  });
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const succeeds = {
  code: 0,
  told: expect.stringMatching(/order o-1 is CONFIRMED; trace \w{32} has spans of gateway order/),
};

describe('the smoke test', () => {
  it('buys, and finds the trace', async () => {
    expect(await smoke({})).toEqual(succeeds);
  });

  it('asks a Jaeger that has a certificate over TLS', async () => {
    const secure = { set: ['security.mode=self-signed'] };
    expect(await smoke({ jaeger: secure })).toEqual(succeeds);
  });

  it('believes no certificate but those of the authority that the release names', async () => {
    const jaeger = { set: ['security.mode=existing', 'security.tls.existingSecret=ours'] };
    const [ours, presented] = [1, 2].map(() =>
      find(render('jaeger', { set: ['security.mode=self-signed'] }), 'Secret', 'jaeger-tls'),
    );
    const secrets = [{ ...ours, metadata: { name: 'ours' } }];
    expect(await smoke({ jaeger, secrets })).toEqual(succeeds);
    const { code, told } = await smoke({ jaeger, secrets, presented });
    expect(code).toBe(1);
    expect(told).toContain('certificate');
  });

  it('takes the port from the Service, and the token from the Secret that the gateway has', async () => {
    const metadata = { name: 'tokens' };
    const secrets = [{ kind: 'Secret', metadata, data: { ADMIN_TOKEN: base64('?') } }];
    const set = ['gateway.existingSecret=tokens', 'gateway.service.port=80'];
    expect(await smoke({ flashmesh: { set }, secrets })).toEqual(succeeds);
  });

  it('finds the gateway and Jaeger under the names that they were given', async () => {
    expect(
      await smoke({
        flashmesh: { set: ['fullnameOverride=shop'] },
        jaeger: { set: ['fullnameOverride=traces', 'security.mode=self-signed'] },
      }),
    ).toEqual(succeeds);
  });

  it('says which Secret is missing', async () => {
    const set = ['gateway.existingSecret=tokens'];
    const { code, told } = await smoke({ flashmesh: { set } });
    expect(code).toBe(1);
    expect(told).toContain('smoke: the Secret tokens has no ADMIN_TOKEN');
  });
});
