import { Ctx, GrpcMethod, Payload } from '@nestjs/microservices';
import { UseFilters } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { MeshExceptionFilter } from './mesh-exception.filter.ts';
import type { RpcHandlers, MethodName, ServiceDefinitionLike } from './service-definition.ts';

const filtered = new WeakSet<object>();

/**
 * Makes a controller's method the handler of a gRPC method: `@Rpc(order.OrderServiceDefinition, 'placeOrder')`.
 *
 * The handler is called with `(request, call: CallContext)` unless its parameters carry Nest's own decorators, and does not
 * compile with another shape. A FlashmeshError that it, a guard, a pipe or an interceptor throws reaches the caller as it is;
 * exception filters of the method and of the class come first.
 */
export function Rpc<D extends ServiceDefinitionLike, M extends MethodName<D>>(definition: D, method: M) {
  const name = definition.methods[method]?.name;
  if (name === undefined) throw new TypeError(`${definition.fullName} has no method ${method}`);
  return <H extends RpcHandlers<D>[M]>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<H>,
  ): void => {
    GrpcMethod(definition.fullName, name)(target, key, descriptor);
    // Without these, Nest hands a handler nothing but the request, except under its own gRPC server.
    if (!Reflect.hasMetadata(ROUTE_ARGS_METADATA, target.constructor, key)) {
      Payload()(target, key, 0);
      Ctx()(target, key, 1);
    }
    // On the class and before its own filters: Nest asks the last one first.
    if (!filtered.has(target.constructor)) {
      filtered.add(target.constructor);
      UseFilters(new MeshExceptionFilter())(target.constructor);
    }
  };
}
