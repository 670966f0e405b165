import { mesh } from '@flashmesh/contracts';
import type { BuiltInService } from './built-in-service.ts';
import { ANYONE, defineRules } from './guard/rules.ts';
import type { OverloadSnapshot } from './overload/admission-control.ts';

/** An endpoint as a client sees it; see the schema for what each means. */
export interface EndpointView {
  readonly address: string;
  readonly id: string;
  readonly zone: string;
  readonly weight: number;
  readonly state: 'ready' | 'disconnected' | 'ejected' | 'probing' | 'draining';
  readonly inFlight: number;
  readonly ewmaMs: number | undefined;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly attempts: number;
  readonly answers: number;
  readonly failures: number;
  readonly timeouts: number;
  readonly overloads: number;
  readonly ejections: number;
}

/** A service that this process calls. */
export interface TargetView {
  readonly target: string;
  readonly policy: string;
  readonly endpoints: readonly EndpointView[];
  readonly calls: number;
  readonly retries: number;
  readonly hedges: number;
  readonly hedgesWon: number;
  readonly budgetExhausted: number;
  readonly budgetLeft: number;
  readonly shed: number;
  readonly staleMs: number;
}

/** Where the answers come from; each is asked anew for every call. */
export interface IntrospectionSources {
  readonly targets?: () => readonly TargetView[];
  readonly load?: () => OverloadSnapshot | undefined;
}

const STATES: Readonly<Record<EndpointView['state'], mesh.EndpointState>> = {
  ready: mesh.EndpointState.READY,
  disconnected: mesh.EndpointState.DISCONNECTED,
  ejected: mesh.EndpointState.EJECTED,
  probing: mesh.EndpointState.PROBING,
  draining: mesh.EndpointState.DRAINING,
};

/**
 * `flashmesh.mesh.v1.IntrospectService`: how this process sees the services that it calls, and how busy it is. Under TLS every
 * caller with an identity may ask.
 */
export function introspection({ targets, load }: IntrospectionSources): BuiltInService {
  return {
    definition: mesh.IntrospectServiceDefinition,
    handlers: {
      GetSnapshot: async (): Promise<mesh.GetSnapshotResponse> => ({
        targets: (targets?.() ?? []).map(targetOf),
        load: load?.(),
      }),
    },
    rules: defineRules(mesh.IntrospectServiceDefinition, {
      // A console that looks at a busy process is no reason for more load.
      getSnapshot: { callers: [ANYONE], priority: 'sheddable' },
    }),
  };
}

function targetOf({ endpoints, ...rest }: TargetView): mesh.Target {
  return { ...rest, endpoints: endpoints.map(endpointOf) };
}

function endpointOf({ state, ...rest }: EndpointView): mesh.Endpoint {
  return { ...rest, state: STATES[state] };
}
