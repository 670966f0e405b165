export type { BuiltInService } from './built-in-service.ts';
export type { CallContext } from './call-context.ts';
export { callWithin, currentCall, runWithCall } from './call-context.ts';
export type { BalancingOptions, BreakerOptions, PolicyName } from './balancer/balancer-options.ts';
export type { MeshChannelOptions } from './mesh-channel.ts';
export type { MeshClient, MeshClientOptions, MethodPolicies } from './mesh-client.ts';
export type { MethodRule, Priority, ServiceRules } from './guard/rules.ts';
export { ANYONE, defineRules } from './guard/rules.ts';
export type { IntrospectionSources } from './introspection.ts';
export { introspection } from './introspection.ts';
export { isLoopback } from './identity/loopback.ts';
export type { MeshSecurity } from './identity/mesh-security.ts';
export { useMeshSecurity } from './identity/mesh-security.ts';
export type { MeshTlsOptions } from './identity/mesh-tls.ts';
export { MeshTls } from './identity/mesh-tls.ts';
export type { ServiceIdentity } from './identity/service-naming.ts';
export type { IncomingCall } from './incoming-call.ts';
export type { OverloadOptions, OverloadSnapshot } from './overload/admission-control.ts';
export { closeMeshClients, createMeshClient } from './mesh-client.ts';
export type { MeshClientRegistration } from './mesh-client.module.ts';
export { clientToken, InjectClient, meshClient, MeshClientModule } from './mesh-client.module.ts';
export type { MeshResolverOptions } from './mesh-resolver.ts';
export { registerMeshResolver } from './mesh-resolver.ts';
export type { ChannelSnapshot, EndpointSnapshot } from './mesh-snapshot.ts';
export { meshSnapshot } from './mesh-snapshot.ts';
export type { MeshServerOptions } from './mesh-server.ts';
export { MeshServer } from './mesh-server.ts';
export type { HedgePolicy, MethodPolicy } from './retry/method-policy.ts';
export type { RetryBudgetOptions } from './retry/retry-budget.ts';
export type { MeshStreams, Requests } from './mesh-streams.ts';
export { createMeshStreams } from './mesh-streams.ts';
export { reflection } from './reflection.ts';
export { Rpc } from './rpc.decorator.ts';
export type {
  MessageTypeLike,
  MethodDefinitionLike,
  MethodName,
  RequestInput,
  RequestOf,
  ResponseOf,
  RpcHandlers,
  ServiceDefinitionLike,
} from './service-definition.ts';
export { pathOf } from './service-definition.ts';
export { errorFromStatus, statusFromError } from './status.ts';
export type { MeshCallOptions } from './unary-call.ts';
