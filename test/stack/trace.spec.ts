import { until } from '../support/shop.ts';
import { type TraceSpan, useStack } from '../support/stack.ts';

const SERVICES = ['gateway', 'order', 'catalog', 'inventory', 'payment', 'fulfillment', 'notification'];

/** child span -> parent span, across every hop of an order. */
const EDGES = [
  ['gateway flashmesh.order.v1.OrderService/PlaceOrder', 'gateway POST /api/orders'],
  ['order flashmesh.order.v1.OrderService/PlaceOrder', 'gateway flashmesh.order.v1.OrderService/PlaceOrder'],
  [
    'catalog flashmesh.catalog.v1.CatalogService/GetSale',
    'order flashmesh.catalog.v1.CatalogService/GetSale',
  ],
  [
    'inventory flashmesh.inventory.v1.InventoryService/CheckAdmission',
    'order flashmesh.inventory.v1.InventoryService/CheckAdmission',
  ],
  ['order send inventory.commands', 'order flashmesh.order.v1.OrderService/PlaceOrder'],
  ['inventory process inventory.commands', 'order send inventory.commands'],
  ['order process inventory.events', 'inventory process inventory.commands'],
  ['payment flashmesh.payment.v1.PaymentService/Charge', 'order flashmesh.payment.v1.PaymentService/Charge'],
  ['payment send payments.ledger', 'payment flashmesh.payment.v1.PaymentService/Charge'],
  ['fulfillment process orders.events', 'order send orders.events'],
  ['notification process orders.events', 'order send orders.events'],
  ['gateway process orders.events', 'order send orders.events'],
];

describe('the trace of one order', () => {
  const { shop, traces, logs } = useStack();

  it('holds every hop with its parent, and log lines carry its id', async () => {
    // The first order of a new sale: no cache knows the sale yet, so the call to the catalog is part of it.
    const sale = await shop.openSale({ stock: 5 });
    const { body, token, headers } = await shop.accepted(sale);
    await shop.ended(body.id, token);
    const traceId = headers.get('x-trace-id') as string;
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    let edges = new Set<string>();
    let spans: { service: string; span: TraceSpan }[] = [];
    await until(
      async () => {
        spans = await traces(traceId);
        const byId = new Map(spans.map((entry) => [entry.span.spanID, entry]));
        edges = new Set(
          spans.flatMap(({ service, span }) =>
            span.references.flatMap(({ spanID }) => {
              const parent = byId.get(spanID);
              return parent
                ? [`${service} ${span.operationName} <- ${parent.service} ${parent.span.operationName}`]
                : [];
            }),
          ),
        );
        return EDGES.every(([child, parent]) => edges.has(`${child} <- ${parent}`)) ? true : undefined;
      },
      'the whole trace',
      20_000,
    ).catch(() => undefined);
    const missing = EDGES.map(([child, parent]) => `${child} <- ${parent}`).filter(
      (edge) => !edges.has(edge),
    );
    expect({ missing, seen: missing.length > 0 ? [...edges] : [] }).toEqual({ missing: [], seen: [] });
    expect([...new Set(spans.map(({ service }) => service))].toSorted()).toEqual(SERVICES.toSorted());
    expect(spans.some(({ span }) => span.operationName.startsWith('redis '))).toBe(true);
    await until(
      async () => ((await logs()).some((line) => line.includes(traceId)) ? true : undefined),
      'a log line',
    );
  });
});
