import type { WrappedHandler } from './exchange.ts';
import type { ServiceRules } from './guard/rules.ts';
import type { ServiceDefinitionLike } from './service-definition.ts';

/** A service that a library serves beside those of the application, without Nest: {@link reflection}, {@link introspection}. */
export interface BuiltInService {
  readonly definition: ServiceDefinitionLike;
  /** By the names of the schema, e.g. `GetSnapshot`. */
  readonly handlers: Readonly<Record<string, WrappedHandler>>;
  readonly rules: ServiceRules;
}
