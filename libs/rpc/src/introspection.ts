import { mesh } from '@flashmesh/contracts';
import type { BuiltInService } from './built-in-service.ts';
import { ANYONE, defineRules } from './guard/rules.ts';
import { type ChannelSnapshot, type EndpointSnapshot, meshSnapshot } from './mesh-snapshot.ts';
import type { OverloadSnapshot } from './overload/admission-control.ts';

/** Where the answers come from; each is asked anew for every call. */
export interface IntrospectionSources {
  readonly targets?: () => readonly ChannelSnapshot[];
  readonly load?: () => OverloadSnapshot | undefined;
}

const STATES: Readonly<Record<EndpointSnapshot['state'], mesh.EndpointState>> = {
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
export function introspection({ targets = meshSnapshot, load }: IntrospectionSources): BuiltInService {
  return {
    definition: mesh.IntrospectServiceDefinition,
    handlers: {
      GetSnapshot: async (): Promise<mesh.GetSnapshotResponse> => ({
        targets: targets().map(targetOf),
        load: load?.(),
      }),
    },
    rules: defineRules(mesh.IntrospectServiceDefinition, {
      // A console that looks at a busy process is no reason for more load.
      getSnapshot: { callers: [ANYONE], priority: 'sheddable' },
    }),
  };
}

function targetOf({ endpoints, ...rest }: ChannelSnapshot): mesh.Target {
  return { ...rest, endpoints: endpoints.map(endpointOf) };
}

function endpointOf({ state, ...rest }: EndpointSnapshot): mesh.Endpoint {
  return { ...rest, state: STATES[state] };
}
