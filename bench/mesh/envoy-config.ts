import { type CertificateFiles, SERVER_ID, SERVICE } from './certificates.ts';
import { DEADLINE_MS, type Target } from './caller.ts';

const TYPES = 'type.googleapis.com/envoy.extensions';
const seconds = (ms: number) => `${ms / 1000}s`;
const loopback = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/**
 * The configuration of an Envoy that does for one process what the mesh does by default, as far as Envoy can: of two the one with
 * fewer calls, three attempts elsewhere within a budget of a fifth, ejection after five failures. It asks for nothing else: no
 * log, no tracing, no filter but the router. It chooses the ports by itself.
 *
 * @param target the servers, and the certificates to show them; its own listener is plain text on this machine, as a sidecar's.
 */
export function envoyConfig({ ports, certificates }: Target): object {
  const http2 = { explicit_http_config: { http2_protocol_options: {} } };
  const retries = {
    retry_on: 'connect-failure,refused-stream,reset,unavailable',
    num_retries: 2,
    per_try_timeout: seconds(DEADLINE_MS / 3),
    retry_host_predicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        typed_config: { '@type': `${TYPES}.retry.host.previous_hosts.v3.PreviousHostsPredicate` },
      },
    ],
    host_selection_retry_max_attempts: 3,
  };
  const connectionManager = {
    '@type': `${TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: SERVICE,
    codec_type: 'HTTP2',
    route_config: {
      virtual_hosts: [
        {
          name: SERVICE,
          domains: ['*'],
          routes: [
            {
              match: { prefix: '/' },
              route: { cluster: SERVICE, timeout: seconds(DEADLINE_MS), retry_policy: retries },
            },
          ],
        },
      ],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${TYPES}.filters.http.router.v3.Router` },
      },
    ],
  };
  const cluster = {
    name: SERVICE,
    type: 'STATIC',
    lb_policy: 'LEAST_REQUEST',
    connect_timeout: '5s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPES}.upstreams.http.v3.HttpProtocolOptions`,
        ...http2,
      },
    },
    circuit_breakers: {
      thresholds: [{ retry_budget: { budget_percent: { value: 20 }, min_retry_concurrency: 3 } }],
    },
    outlier_detection: {
      consecutive_5xx: 5,
      interval: '1s',
      base_ejection_time: '1s',
      max_ejection_time: '60s',
      max_ejection_percent: 50,
    },
    load_assignment: {
      cluster_name: SERVICE,
      endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: { address: loopback(port) } })) }],
    },
    ...(certificates && { transport_socket: mutualTls(certificates) }),
  };
  return {
    admin: { address: loopback(0) },
    static_resources: {
      listeners: [
        {
          name: SERVICE,
          address: loopback(0),
          filter_chains: [
            {
              filters: [
                { name: 'envoy.filters.network.http_connection_manager', typed_config: connectionManager },
              ],
            },
          ],
        },
      ],
      clusters: [cluster],
    },
  };
}

function mutualTls({ certFile, keyFile, caFile }: CertificateFiles): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${TYPES}.transport_sockets.tls.v3.UpstreamTlsContext`,
      sni: SERVICE,
      common_tls_context: {
        // What Node's two ends agree on as well; Envoy's own clients stop at 1.2 unless told otherwise.
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
        alpn_protocols: ['h2'],
        tls_certificates: [{ certificate_chain: { filename: certFile }, private_key: { filename: keyFile } }],
        validation_context: {
          trusted_ca: { filename: caFile },
          match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: SERVER_ID } }],
        },
      },
    },
  };
}
