import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Logger } from '@flashmesh/telemetry';
import { type Clock, systemClock, type Timer } from '@flashmesh/core';

/** TCP sends its first packet again after a second: a connection that took about as long had its first one refused or lost. */
const SLOW_CONNECT_MS = 900;
const LOOK_MS = 5000;
/** An event loop that never waits... */
const BUSY = 0.95;
/** ...and does next to nothing in a turn: a turn that only asks the kernel takes 5 to 30 microseconds of CPU, one request hundreds. */
const EMPTY_TURN_MICROS = 60;

/** What the event loop did since the last reading. */
export interface LoopReading {
  /** Share of the time in which it did not wait for events, 0 to 1. */
  readonly utilization: number;
  /** CPU time of the process by turn of the loop, in microseconds. */
  readonly microsPerTurn: number;
}

/** @internal */
export interface SocketGuardOptions {
  readonly logger: Pick<Logger, 'warn'>;
  readonly clock?: Clock;
  /** @default readings of this process */
  readonly read?: () => LoopReading;
}

/**
 * Closes connections that keep the event loop turning for nothing, so that their owners connect again.
 *
 * A Service without endpoints answers a connection attempt with an ICMP error (kube-proxy's REJECT). Linux queues it on the socket,
 * and when the process was just inside `connect` the attempt goes on, and succeeds a second later. The queued error stays: epoll
 * reports it for ever, libuv has no way to take it off, and the process burns a whole core until it ends. Seen on a busy node
 * after a Service of one pod was restarted; `recvmsg(MSG_ERRQUEUE)` on the socket from outside gave the error, and ended it.
 *
 * Suspects are client connections that took a second to connect. They are closed only when the loop shows what such a socket does to
 * it, so a process that is merely busy keeps its connections.
 */
export class SocketGuard {
  private readonly suspects = new Set<Socket>();
  private readonly logger: Pick<Logger, 'warn'>;
  private readonly clock: Clock;
  private readonly read: () => LoopReading;
  private timer: Timer | undefined;

  constructor({ logger, clock = systemClock, read = loopReader() }: SocketGuardOptions) {
    this.logger = logger;
    this.clock = clock;
    this.read = read;
    subscribe('net.client.socket', this.watch);
  }

  /** Watches no more. */
  close(): void {
    unsubscribe('net.client.socket', this.watch);
    this.timer?.cancel();
    this.suspects.clear();
  }

  private readonly watch = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    const startedAt = this.clock.monotonic();
    socket.once('connect', () => {
      if (this.clock.monotonic() - startedAt < SLOW_CONNECT_MS) return;
      this.suspects.add(socket);
      socket.once('close', () => this.suspects.delete(socket));
      if (this.timer) return;
      this.read();
      this.lookAgain();
    });
  };

  private lookAgain(): void {
    this.timer = this.clock.after(LOOK_MS, () => {
      this.timer = undefined;
      if (this.suspects.size === 0) return;
      const { utilization, microsPerTurn } = this.read();
      if (utilization >= BUSY && microsPerTurn <= EMPTY_TURN_MICROS) this.closeSuspects(microsPerTurn);
      this.lookAgain();
    });
  }

  private closeSuspects(microsPerTurn: number): void {
    for (const socket of this.suspects) {
      const peer = `${socket.remoteAddress}:${socket.remotePort}`;
      this.logger.warn({ peer, microsPerTurn }, 'a connection kept the event loop busy with nothing: closed');
      socket.destroy(Object.assign(new Error(`connection to ${peer} is stuck`), { code: 'ECONNRESET' }));
    }
    this.suspects.clear();
  }
}

function loopReader(): () => LoopReading {
  let utilization = performance.eventLoopUtilization();
  let cpu = process.cpuUsage();
  let turns = performance.nodeTiming.uvMetricsInfo.loopCount;
  return () => {
    const last = { utilization, cpu, turns };
    utilization = performance.eventLoopUtilization();
    cpu = process.cpuUsage();
    turns = performance.nodeTiming.uvMetricsInfo.loopCount;
    const micros = cpu.user + cpu.system - last.cpu.user - last.cpu.system;
    return {
      utilization: performance.eventLoopUtilization(utilization, last.utilization).utilization,
      microsPerTurn: micros / Math.max(turns - last.turns, 1),
    };
  };
}
