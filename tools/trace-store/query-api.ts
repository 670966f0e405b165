import { readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { jaegerTrace } from './jaeger-json.ts';
import type { TraceFilter, TraceQuery } from './trace-query.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1500;
const UNIT_US: Record<string, number> = { us: 1, µs: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 };

/** A request that makes no sense; the message is the answer. */
class BadRequest extends Error {}

/**
 * The part of Jaeger's HTTP API that its own page and our tests use, in Jaeger's JSON, and a page for people at `/`.
 *
 * @throws Error when the port is taken
 */
export async function startQueryApi(host: string, port: number, query: TraceQuery): Promise<Server> {
  const page = readFileSync(join(import.meta.dirname, 'page.html'));
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    try {
      if (request.method !== 'GET') return problem(response, 405, 'only GET');
      if (url.pathname === '/' || url.pathname.startsWith('/trace/') || url.pathname === '/search') {
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
        response.end(page);
        return;
      }
      route(url, query, response);
    } catch (error) {
      if (error instanceof BadRequest) problem(response, 400, error.message);
      else problem(response, 500, error instanceof Error ? error.message : String(error));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return server;
}

/** The port that a listening server got. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function route(url: URL, query: TraceQuery, response: ServerResponse): void {
  const path = url.pathname.replace(/\/$/, '');
  const parameters = url.searchParams;
  const trace = /^\/api\/traces\/([^/]+)$/.exec(path)?.[1];
  const operationsOf = /^\/api\/services\/([^/]+)\/operations$/.exec(path)?.[1];
  if (path === '/api/services') data(response, query.services());
  else if (operationsOf !== undefined) data(response, query.operations(decodeURIComponent(operationsOf)));
  else if (trace !== undefined) {
    const found = query.traces(new Set([traceId(trace)]));
    if (found.length === 0) problem(response, 404, 'trace not found');
    else data(response, found.map(jaegerTrace));
  } else if (path === '/api/traces') {
    const ids = parameters.getAll('traceID');
    const found = ids.length > 0 ? query.traces(new Set(ids.map(traceId))) : query.find(filterOf(parameters));
    data(response, found.map(jaegerTrace));
  } else problem(response, 404, 'no such path');
}

function filterOf(parameters: URLSearchParams): TraceFilter {
  const service = parameters.get('service');
  if (!service) throw new BadRequest("parameter 'service' is required");
  const limit = numberOf(parameters, 'limit') ?? DEFAULT_LIMIT;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new BadRequest(`parameter 'limit' must be an integer from 1 to ${MAX_LIMIT}`);
  }
  const lookback = durationOf(parameters, 'lookback');
  return {
    service,
    limit,
    operation: parameters.get('operation') || undefined,
    tags: tagsOf(parameters),
    startUs:
      numberOf(parameters, 'start') ?? (lookback === undefined ? undefined : Date.now() * 1000 - lookback),
    endUs: numberOf(parameters, 'end'),
    minDurationUs: durationOf(parameters, 'minDuration'),
    maxDurationUs: durationOf(parameters, 'maxDuration'),
  };
}

/** `tags={"key":"value"}` as Jaeger's page sends it, and `tag=key:value`, as often as wanted. */
function tagsOf(parameters: URLSearchParams): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const text of parameters.getAll('tags')) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      throw new BadRequest("parameter 'tags' must be a JSON object");
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
      throw new BadRequest("parameter 'tags' must be a JSON object");
    }
    for (const [key, value] of Object.entries(parsed)) tags[key] = String(value);
  }
  for (const text of parameters.getAll('tag')) {
    const colon = text.indexOf(':');
    if (colon < 1) throw new BadRequest("parameter 'tag' must be key:value");
    tags[text.slice(0, colon)] = text.slice(colon + 1);
  }
  return tags;
}

/** Ids shorter than 32 digits are ones whose leading zeros somebody cut off. */
function traceId(text: string): string {
  if (!/^[\da-f]{1,32}$/i.test(text)) throw new BadRequest('a trace id is 1 to 32 hexadecimal digits');
  return text.toLowerCase().padStart(32, '0');
}

function numberOf(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name);
  if (!text) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value)) throw new BadRequest(`parameter '${name}' must be a number`);
  return value;
}

/** `1h`, `20ms` in microseconds. `custom`, which goes with explicit times, counts as absent. */
function durationOf(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name);
  if (!text || text === 'custom') return undefined;
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(us|µs|ms|s|m|h|d)$/.exec(text) ?? [];
  const factor = UNIT_US[unit];
  if (amount === undefined || factor === undefined) {
    throw new BadRequest(`parameter '${name}' must be a duration like 20ms or 1h`);
  }
  return Number(amount) * factor;
}

function data(response: ServerResponse, found: unknown[]): void {
  send(response, 200, { data: found, total: found.length, limit: 0, offset: 0, errors: null });
}

function problem(response: ServerResponse, code: number, msg: string): void {
  send(response, code, { data: null, total: 0, limit: 0, offset: 0, errors: [{ code, msg }] });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
