import type { Call, Target } from './caller.ts';
import { meshCaller } from './flashmesh.ts';
import { channelCaller, clientCaller } from './grpc-js.ts';
import { nestCaller } from './nest.ts';

/** What is compared. For one that goes through Envoy the target is Envoy. */
export const callers: Readonly<Record<string, (target: Target) => Call>> = {
  'grpc-js': clientCaller,
  'grpc-js-channel': channelCaller,
  nest: nestCaller,
  mesh: (target) => meshCaller(target, {}),
  'mesh-hedged': (target) => meshCaller(target, { methods: { call: { hedge: { percentile: 0.999 } } } }),
  'mesh-round-robin': (target) => meshCaller(target, { balancing: { policy: 'round_robin' } }),
  'grpc-js-envoy': clientCaller,
};
