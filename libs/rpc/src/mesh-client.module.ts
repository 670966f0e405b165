import { type DynamicModule, Inject } from '@nestjs/common';
import { createMeshClient, type MeshClientOptions } from './mesh-client.ts';
import type { ServiceDefinitionLike } from './service-definition.ts';

/** A client to provide. */
export interface MeshClientRegistration extends MeshClientOptions {
  readonly definition: ServiceDefinitionLike;
}

/** Provides typed clients to the whole application; take one with {@link InjectClient}. */
export class MeshClientModule {
  /** @throws TypeError when a service is listed twice. */
  static register(registrations: readonly MeshClientRegistration[]): DynamicModule {
    const tokens = registrations.map(({ definition }) => clientToken(definition));
    const twice = tokens.find((token, index) => tokens.indexOf(token) !== index);
    if (twice !== undefined) throw new TypeError(`${twice} is registered twice`);
    const providers = registrations.map(({ definition, ...options }) => ({
      provide: clientToken(definition),
      useFactory: () => createMeshClient(definition, options),
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
