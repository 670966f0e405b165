import { attr, gauge, type InstrumentOptions, observedCounter } from '@flashmesh/telemetry';
import { type ChannelSnapshot, type EndpointSnapshot, meshSnapshot } from './mesh-snapshot.ts';

type ChannelValue = (channel: ChannelSnapshot) => number;
type EndpointValue = (endpoint: EndpointSnapshot) => number | undefined;

/** Everything is counted where it happens, in plain fields, and told when it is asked for: a call pays nothing for these. */
function ofChannels(value: ChannelValue) {
  return () =>
    meshSnapshot().map((channel) => ({
      value: value(channel),
      attributes: { [attr.meshTarget]: channel.target },
    }));
}

function ofEndpoints(value: EndpointValue) {
  return () =>
    meshSnapshot().flatMap(({ target, endpoints }) =>
      endpoints.flatMap((endpoint) => {
        const known = value(endpoint);
        const attributes = { [attr.meshTarget]: target, [attr.instance]: endpoint.id };
        return known === undefined ? [] : { value: known, attributes };
      }),
    );
}

function options(unit: string, description: string): InstrumentOptions {
  return { unit, description };
}

let registered = false;

/** Tells OpenTelemetry what {@link meshSnapshot} shows. Once a process. @internal */
export function registerMeshMetrics(): void {
  if (registered) return;
  registered = true;
  const count = (name: string, unit: string, description: string, value: ChannelValue) =>
    observedCounter(`flashmesh.rpc.${name}`, options(unit, description), ofChannels(value));
  count('calls', '{call}', 'Calls made', ({ calls }) => calls);
  count('retries', '{attempt}', 'Attempts after a failed or late one', ({ retries }) => retries);
  count('hedges', '{attempt}', 'Attempts beside a slow one', ({ hedges }) => hedges);
  count('hedges_won', '{attempt}', 'Hedges that answered first', ({ hedgesWon }) => hedgesWon);
  count('budget_exhausted', '{attempt}', 'Attempts that the budget forbade', (c) => c.budgetExhausted);
  count('shed', '{call}', 'Calls refused because every endpoint was full', ({ shed }) => shed);
  gauge(
    'flashmesh.rpc.budget_left',
    options('{attempt}', 'Retries and hedges left'),
    ofChannels((c) => c.budgetLeft),
  );
  gauge(
    'flashmesh.rpc.staleness',
    options('ms', 'How old the list may be'),
    ofChannels((c) => c.staleMs),
  );

  const countEach = (name: string, unit: string, description: string, value: EndpointValue) =>
    observedCounter(`flashmesh.rpc.endpoint.${name}`, options(unit, description), ofEndpoints(value));
  const gaugeEach = (name: string, unit: string, description: string, value: EndpointValue) =>
    gauge(`flashmesh.rpc.endpoint.${name}`, options(unit, description), ofEndpoints(value));
  countEach('attempts', '{attempt}', 'Attempts sent', ({ attempts }) => attempts);
  countEach('answers', '{attempt}', 'Attempts answered well', ({ answers }) => answers);
  countEach('latency', 'ms', 'Sum of the latencies of the answers', ({ latencyMs }) => latencyMs);
  countEach('failures', '{attempt}', 'Attempts failed by the endpoint', ({ failures }) => failures);
  countEach('timeouts', '{attempt}', 'Failures that were late', ({ timeouts }) => timeouts);
  countEach('overloads', '{attempt}', 'Attempts refused as too many', ({ overloads }) => overloads);
  countEach('ejections', '{ejection}', 'Times it was left alone', ({ ejections }) => ejections);
  gaugeEach('in_flight', '{attempt}', 'Attempts under way', ({ inFlight }) => inFlight);
  gaugeEach('ewma', 'ms', 'Expected latency', ({ ewmaMs }) => ewmaMs);
  gaugeEach('ready', '1', 'Whether it takes calls', ({ state }) => (state === 'ready' ? 1 : 0));
}
