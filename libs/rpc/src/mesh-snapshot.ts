import { systemClock } from '@flashmesh/core';
import type { Endpoint } from './balancer/endpoint.ts';
import { MeshChannel } from './mesh-channel.ts';
import { naming } from './mesh-resolver.ts';

/** An endpoint as one client sees it. Durations are in milliseconds. */
export interface EndpointSnapshot {
  /** `host:port`. */
  readonly address: string;
  /** The instance's id in naming; the address for targets that naming does not know. */
  readonly id: string;
  readonly zone: string;
  readonly weight: number;
  /**
   * `ready`: takes calls. `disconnected`: there is no connection. `ejected`: left alone because it failed. `probing`: one call is
   * on its way to see if it is well again. `draining`: about to stop.
   */
  readonly state: 'ready' | 'disconnected' | 'ejected' | 'probing' | 'draining';
  /** Calls and open streams. */
  readonly inFlight: number;
  /** What a call is expected to take. */
  readonly ewmaMs: number | undefined;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** Since the client knows it. */
  readonly attempts: number;
  /** Calls that were answered well; streams have no one answer. */
  readonly answers: number;
  /** Sum over the answers. */
  readonly latencyMs: number;
  readonly failures: number;
  /** Failures that were attempts without an answer in time. */
  readonly timeouts: number;
  readonly overloads: number;
  readonly ejections: number;
}

/** A client's view of a service. */
export interface ChannelSnapshot {
  readonly target: string;
  readonly policy: string;
  readonly endpoints: readonly EndpointSnapshot[];
  readonly calls: number;
  readonly retries: number;
  readonly hedges: number;
  /** Calls that were answered by the hedge. */
  readonly hedgesWon: number;
  /** Retries and hedges that the budget forbade. */
  readonly budgetExhausted: number;
  /** Retries and hedges that may be made now. */
  readonly budgetLeft: number;
  /** Calls that were refused because every endpoint had its maximum under way. */
  readonly shed: number;
  /** How long naming has been out of reach, so that the list may be out of date; 0 while it is in reach. */
  readonly staleMs: number;
}

/** What this process knows of the services that it calls, for people and consoles: a copy, made when asked for. */
export function meshSnapshot(): readonly ChannelSnapshot[] {
  return [...MeshChannel.all()].map(snapshotOf);
}

function snapshotOf(channel: MeshChannel): ChannelSnapshot {
  const { target, totals, budget, endpoints } = channel;
  const nowMs = systemClock.monotonic();
  return {
    target,
    policy: endpoints.config.policy,
    endpoints: endpoints.endpoints.map((endpoint) => endpointSnapshot(endpoint, nowMs)),
    ...totals,
    budgetLeft: budget.left,
    shed: endpoints.shed,
    staleMs: target.startsWith('zk:///')
      ? (naming().resolver?.staleMs?.(target.slice('zk:///'.length)) ?? 0)
      : 0,
  };
}

function endpointSnapshot(endpoint: Endpoint, nowMs: number): EndpointSnapshot {
  const { info, inFlight, totals } = endpoint;
  return {
    address: info.address,
    id: info.id,
    zone: info.zone,
    weight: info.weight,
    state: stateOf(endpoint),
    inFlight,
    ewmaMs: endpoint.ewmaMs(nowMs),
    p50Ms: endpoint.quantileMs(0.5, nowMs),
    p99Ms: endpoint.quantileMs(0.99, nowMs),
    ...totals,
  };
}

function stateOf({ info, ready, breaker }: Endpoint): EndpointSnapshot['state'] {
  if (breaker.state.name !== 'closed') return breaker.state.name;
  if (info.draining) return 'draining';
  return ready ? 'ready' : 'disconnected';
}
