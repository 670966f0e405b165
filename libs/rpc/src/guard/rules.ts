import type { ServiceIdentity, ServiceNaming } from '../identity/service-naming.ts';
import { type MethodName, pathOf, type ServiceDefinitionLike } from '../service-definition.ts';

/** What is shed first when a server has too much to do: `sheddable`, then `default`, and `critical` last. */
export type Priority = 'critical' | 'default' | 'sheddable';

/** Every caller that has proved an identity of the trust domain. */
export const ANYONE = '*';

/** What applies to one method. */
export interface MethodRule {
  /** Who may call it: names of services (`gateway`), SPIFFE ids (`spiffe://...`), or {@link ANYONE}. Nobody else may. */
  readonly callers: readonly string[];
  /** @default 'default' */
  readonly priority?: Priority;
}

/** The rules of one service, by the path of the method; made by {@link defineRules}. */
export interface ServiceRules {
  readonly service: string;
  readonly methods: ReadonlyMap<string, MethodRule>;
}

/**
 * Who may call each method of a service, and how much it matters: one document, beside the controller that serves it. It does
 * not compile while a method is missing.
 *
 * @throws RangeError for a caller that is neither the name of a service nor a SPIFFE id.
 */
export function defineRules<D extends ServiceDefinitionLike>(
  definition: D,
  rules: { readonly [K in MethodName<D>]: MethodRule },
): ServiceRules {
  const methods = new Map<string, MethodRule>();
  for (const [name, method] of Object.entries(definition.methods)) {
    const rule = rules[name as MethodName<D>];
    const path = pathOf(definition, method);
    for (const caller of rule.callers) {
      if (caller !== ANYONE && !/^([a-z0-9][a-z0-9-]*|spiffe:\/\/[^{}\s]+)$/.test(caller)) {
        throw new RangeError(`callers of ${path} must be names of services or SPIFFE ids, got ${caller}`);
      }
    }
    methods.set(path, rule);
  }
  return { service: definition.fullName, methods };
}

/** The rules of all services of a server, ready to be asked. What no rule names, nobody may call. @internal */
export class AccessPolicy {
  private readonly allowed = new Map<string, ReadonlySet<string>>();

  constructor(rules: readonly ServiceRules[], naming: ServiceNaming) {
    for (const { methods } of rules) {
      for (const [path, { callers }] of methods) {
        const ids = callers.map((caller) =>
          caller === ANYONE || caller.startsWith('spiffe://') ? caller : naming.idOf(caller),
        );
        this.allowed.set(path, new Set(ids));
      }
    }
  }

  allows(path: string, { id }: ServiceIdentity): boolean {
    const ids = this.allowed.get(path);
    return ids !== undefined && (ids.has(id) || ids.has(ANYONE));
  }
}

/** @internal */
export function prioritiesOf(rules: readonly ServiceRules[]): ReadonlyMap<string, Priority> {
  const methods = rules.flatMap((service) => [...service.methods]);
  return new Map(methods.map(([path, { priority }]) => [path, priority ?? 'default']));
}
