import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a readiness question answers. */
export interface Readiness {
  readonly ok: boolean;
  /** Each check of the service's own state by name; all of them hold when it is ready. */
  readonly checks: Readonly<Record<string, boolean>>;
  /** What it needs from others, by name: told, but not counted. */
  readonly dependencies: Readonly<Record<string, boolean>>;
}

/**
 * What the service says about itself: alive unless something declared it broken, ready while every check holds. A check is
 * a quick look at a state that is kept anyway; it does no I/O, so a probe costs nothing and cannot hang.
 *
 * A dependency that is away does not make the service unready: every instance sees the same, and taking all of them out at
 * once would turn a pause that buyers can wait through into an outage.
 */
export class Health {
  private readonly checks = new Map<string, () => boolean>();
  private readonly dependencies = new Map<string, () => boolean>();
  private broken: string | undefined;

  /** Adds a readiness check; a second one of this name replaces the first. */
  addCheck(name: string, check: () => boolean): void {
    this.checks.set(name, check);
  }

  /** Adds a dependency that is told about; a second one of this name replaces the first. */
  addDependency(name: string, check: () => boolean): void {
    this.dependencies.set(name, check);
  }

  /** Declares the process beyond repair: liveness fails, and whoever runs it starts it again. */
  markBroken(why: string): void {
    this.broken ??= why;
  }

  live(): { readonly ok: boolean; readonly detail?: string } {
    return this.broken === undefined ? { ok: true } : { ok: false, detail: this.broken };
  }

  ready(): Readiness {
    const checks = look(this.checks);
    const ok = this.live().ok && Object.values(checks).every(Boolean);
    return { ok, checks, dependencies: look(this.dependencies) };
  }
}

function look(checks: ReadonlyMap<string, () => boolean>): Record<string, boolean> {
  return Object.fromEntries([...checks].map(([name, check]) => [name, check()]));
}

async function sendMetrics(response: ServerResponse, metrics: () => Promise<string>): Promise<void> {
  try {
    const text = await metrics();
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
  } catch {
    // Telemetry has stopped: the next one to ask finds nobody.
    response.writeHead(503).end();
  }
}

/**
 * Serves `/livez` and `/readyz` (200 or 503, JSON body) apart from the service's own traffic, and `/metrics` in Prometheus's text
 * format where there are any.
 */
export class HealthServer {
  private readonly server: Server;

  constructor(health: Health, metrics?: () => Promise<string>) {
    this.server = createServer((request, response) => {
      if (request.url === '/metrics' && metrics) {
        void sendMetrics(response, metrics);
        return;
      }
      const answer =
        request.url === '/livez' ? health.live() : request.url === '/readyz' ? health.ready() : undefined;
      response.writeHead(answer ? (answer.ok ? 200 : 503) : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? { ok: false }));
    });
  }

  /** Resolves with the port. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => resolve((this.server.address() as AddressInfo).port));
    });
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
