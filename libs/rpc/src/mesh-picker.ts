import { experimental, Metadata, status as Status } from '@grpc/grpc-js';
import type { Endpoint } from './balancer/endpoint.ts';
import type { EndpointSet } from './balancer/endpoint-set.ts';
import type { PickRequest } from './balancer/policy.ts';
import { outcomeOf, outcomeOfLateness } from './balancer-outcome.ts';
import { CallAttempt } from './call-attempt.ts';
import { StreamAttempt } from './stream-attempt.ts';

type PickResult = experimental.PickResult;
type Subchannel = experimental.SubchannelInterface;

/** A call that was made past our own layer: nothing is known of it. */
const ANONYMOUS: PickRequest = { affinityKey: undefined, tried: [], expendable: false };

/** Asks the set where a call should go, and tells it what became of the call. @internal */
export class MeshPicker implements experimental.Picker {
  private readonly endpoints: EndpointSet;
  private readonly subchannels: ReadonlyMap<Endpoint, Subchannel>;

  constructor(endpoints: EndpointSet, subchannels: ReadonlyMap<Endpoint, Subchannel>) {
    this.endpoints = endpoints;
    this.subchannels = subchannels;
  }

  pick({ metadata }: experimental.PickArgs): PickResult {
    const options = metadata.getOptions();
    const known = options instanceof CallAttempt || options instanceof StreamAttempt;
    const attempt = known ? options : undefined;
    const endpoint = this.endpoints.pick(attempt ?? ANONYMOUS);
    if (!endpoint) return overloaded();
    const subchannel = this.subchannels.get(endpoint);
    // Its connection went in this very moment; the next picker is on its way.
    if (!subchannel) return QUEUE;
    if (attempt instanceof StreamAttempt) {
      return placedStream(this.endpoints, endpoint, attempt, subchannel);
    }
    return placedCall(this.endpoints, endpoint, attempt, subchannel);
  }
}

/** Where a call goes. grpc-js may pick again without calling what is told of its start and its end. */
function placed(
  subchannel: Subchannel,
  onCallStarted: () => void,
  onCallEnded: NonNullable<PickResult['onCallEnded']>,
): PickResult {
  const pickResultType = experimental.PickResultType.COMPLETE;
  return { pickResultType, status: null, subchannel, onCallStarted, onCallEnded };
}

function placedCall(
  endpoints: EndpointSet,
  endpoint: Endpoint,
  attempt: CallAttempt | undefined,
  subchannel: Subchannel,
): PickResult {
  let startedMs = 0;
  return placed(
    subchannel,
    () => {
      startedMs = endpoints.started(endpoint, attempt ?? ANONYMOUS);
      attempt?.placed(endpoint, startedMs);
    },
    (code, details, metadata) => {
      const status = { code, details, metadata };
      const outcome =
        code === Status.DEADLINE_EXCEEDED
          ? outcomeOfLateness(status, attempt, startedMs)
          : outcomeOf(status, attempt?.abandoned ?? false);
      endpoints.ended(endpoint, startedMs, outcome, attempt?.lateCounted);
    },
  );
}

function placedStream(
  endpoints: EndpointSet,
  endpoint: Endpoint,
  attempt: StreamAttempt,
  subchannel: Subchannel,
): PickResult {
  return placed(
    subchannel,
    () => endpoints.streamStarted(endpoint),
    (code, details, metadata) => {
      // A stream's deadline is how long its caller wants to listen, be there anything to hear or not.
      const listened = code === Status.DEADLINE_EXCEEDED;
      const outcome = listened ? 'neutral' : outcomeOf({ code, details, metadata }, attempt.abandoned);
      endpoints.streamEnded(endpoint, outcome);
    },
  );
}

const QUEUE: PickResult = {
  pickResultType: experimental.PickResultType.QUEUE,
  subchannel: null,
  status: null,
  onCallStarted: null,
  onCallEnded: null,
};

/** Never retried, by grpc-js or by us: there is no endpoint that could take the call. */
function overloaded(): PickResult {
  return {
    pickResultType: experimental.PickResultType.DROP,
    subchannel: null,
    status: {
      code: Status.RESOURCE_EXHAUSTED,
      details: 'every endpoint has its maximum of calls under way',
      metadata: new Metadata(),
    },
    onCallStarted: null,
    onCallEnded: null,
  };
}
