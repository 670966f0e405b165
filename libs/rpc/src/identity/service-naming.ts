/** Who a verified certificate belongs to. */
export interface ServiceIdentity {
  /** Its SPIFFE id, e.g. `spiffe://cluster.local/ns/shop/sa/flashmesh-order`. */
  readonly id: string;
  /** Its name in the mesh, e.g. `order`; `undefined` for one that is not a service of this mesh. */
  readonly service: string | undefined;
}

/** What the names of a certificate come to. */
export type IdentityFinding =
  | { readonly kind: 'known'; readonly identity: ServiceIdentity }
  | { readonly kind: 'foreign'; readonly id: string }
  | { readonly kind: 'none' };

const PLACEHOLDER = '{service}';
/** SPIFFE ids, by section 2 of its standard: a lower-case trust domain, then plain segments. */
const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)+)$/;
const MAX_ID_LENGTH = 2048;
/** One entry of what Node makes of the alternative names; what is unusual in a value, it puts in quotes. */
const ALTERNATIVE_NAME = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/**
 * How services are called in certificates: a SPIFFE id with `{service}` in it, e.g.
 * `spiffe://cluster.local/ns/shop/sa/flashmesh-{service}`.
 *
 * An identity is the one URI of a certificate (SPIFFE allows one only). A certificate without a URI may name its service by DNS
 * as Kubernetes does, `<service account>.<namespace>.svc.<trust domain>`: this is for issuers that cannot write URIs. It means
 * the same id, and any other form of DNS name means nothing.
 */
export class ServiceNaming {
  readonly trustDomain: string;
  private readonly before: string;
  private readonly after: string;

  /** @throws RangeError when the template is not a SPIFFE id with one `{service}` in its last segment. */
  constructor(template: string) {
    const parts = template.split(PLACEHOLDER);
    const [before, after] = parts;
    const domain = trustDomainOf(template.replace(PLACEHOLDER, 'x'));
    if (
      parts.length !== 2 ||
      before === undefined ||
      after === undefined ||
      domain === undefined ||
      after.includes('/')
    ) {
      throw new RangeError(
        `identity must be a SPIFFE id whose last segment has ${PLACEHOLDER}, e.g. spiffe://cluster.local/ns/shop/sa/flashmesh-{service}, got ${template}`,
      );
    }
    this.trustDomain = domain;
    this.before = before;
    this.after = after;
  }

  idOf(service: string): string {
    return `${this.before}${service}${this.after}`;
  }

  /** The mesh's own name for an id; `undefined` when it is not one of the mesh. */
  serviceOf(id: string): string | undefined {
    const { before, after } = this;
    if (!id.startsWith(before) || !id.endsWith(after) || id.length <= before.length + after.length) {
      return undefined;
    }
    const service = id.slice(before.length, id.length - after.length);
    return service.includes('/') ? undefined : service;
  }

  /** @param alternativeNames as Node gives them, e.g. `URI:spiffe://a/b, DNS:c`. */
  identify(alternativeNames: string | undefined): IdentityFinding {
    const names = parseNames(alternativeNames ?? '');
    const uris = names.filter(({ kind }) => kind === 'URI');
    if (uris.length > 1) return { kind: 'none' };
    const [uri] = uris;
    if (uri) {
      const domain = trustDomainOf(uri.value);
      if (domain === undefined) return { kind: 'none' };
      return domain === this.trustDomain ? this.known(uri.value) : { kind: 'foreign', id: uri.value };
    }
    const ids = new Set(
      names.filter(({ kind }) => kind === 'DNS').flatMap(({ value }) => this.idOfDns(value)),
    );
    const [id] = ids;
    return id !== undefined && ids.size === 1 ? this.known(id) : { kind: 'none' };
  }

  private known(id: string): IdentityFinding {
    return { kind: 'known', identity: { id, service: this.serviceOf(id) } };
  }

  private idOfDns(name: string): string[] {
    const match = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc\.(.+)$/.exec(name);
    if (match?.[3] !== this.trustDomain) return [];
    return [`spiffe://${this.trustDomain}/ns/${match[2]}/sa/${match[1]}`];
  }
}

/** The trust domain of a SPIFFE id; `undefined` when it is none. */
function trustDomainOf(id: string): string | undefined {
  if (id.length > MAX_ID_LENGTH) return undefined;
  const match = SPIFFE_ID.exec(id);
  const segments = match?.[2]?.split('/') ?? [];
  return segments.includes('.') || segments.includes('..') ? undefined : match?.[1];
}

/** Nothing at all when a part cannot be read: a name is not worth a guess. */
function parseNames(text: string): { readonly kind: string; readonly value: string }[] {
  const names = [];
  ALTERNATIVE_NAME.lastIndex = 0;
  while (ALTERNATIVE_NAME.lastIndex < text.length) {
    const match = ALTERNATIVE_NAME.exec(text);
    if (!match) return [];
    // Quoted ones hold characters that neither a SPIFFE id nor a host name has.
    names.push({ kind: match[1] ?? '', value: match[2]?.startsWith('"') ? '' : (match[2] ?? '') });
  }
  return names;
}
