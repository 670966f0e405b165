import { type DynamicModule, Inject } from '@nestjs/common';
import { createMeshClient, type MeshClientOptions } from './mesh-client.ts';
import type { MethodPolicy } from './retry/method-policy.ts';
import type { ServiceDefinitionLike } from './service-definition.ts';

/** A client to provide; {@link meshClient} makes one whose methods are checked by the compiler. */
export interface MeshClientRegistration extends Omit<MeshClientOptions, 'methods'> {
  readonly definition: ServiceDefinitionLike;
  readonly methods?: Readonly<Record<string, MethodPolicy>>;
}

/** A client to provide: `MeshClientModule.register([meshClient(XDefinition, { target: 'zk:///x', methods: { .. } })])`. */
export function meshClient<D extends ServiceDefinitionLike>(
  definition: D,
  options: MeshClientOptions<D>,
): MeshClientRegistration {
  return { definition, ...options } as MeshClientRegistration;
}

/** Provides typed clients to the whole application; take one with {@link InjectClient}. */
export class MeshClientModule {
  /** @throws TypeError when a service is listed twice, or has no such method; RangeError for an option (see `createMeshClient`). */
  static register(registrations: readonly MeshClientRegistration[]): DynamicModule {
    const tokens = registrations.map(({ definition }) => clientToken(definition));
    const twice = tokens.find((token, index) => tokens.indexOf(token) !== index);
    if (twice !== undefined) throw new TypeError(`${twice} is registered twice`);
    const providers = registrations.map(({ definition, ...options }) => ({
      provide: clientToken(definition),
      useFactory: () => createMeshClient(definition, options as MeshClientOptions),
    }));
    return { module: MeshClientModule, global: true, providers, exports: tokens };
  }
}

/** Injects the client of a service: `@InjectClient(X) private readonly x: MeshClient<typeof X>`. */
export function InjectClient(definition: ServiceDefinitionLike): ParameterDecorator & PropertyDecorator {
  return Inject(clientToken(definition));
}

/** What Nest knows the client of a service by; tests provide a double under it. */
export function clientToken(definition: ServiceDefinitionLike): string {
  return `MeshClient ${definition.fullName}`;
}
