import type { catalog, order } from '@flashmesh/contracts';
import { type Clock, FlashmeshError } from '@flashmesh/core';
import { InjectClock, LiveSettings } from '@flashmesh/service';
import { traceparentOf } from '@flashmesh/telemetry';
import { Injectable } from '@nestjs/common';
import { Admission } from './admission.ts';
import type { OrderRecord, PlacedOrder } from './domain/order.ts';
import { fingerprintOf, orderIdOf } from './domain/order-id.ts';
import { checkRequest } from './domain/request.ts';
import { orderableItem } from './domain/sale-rules.ts';
import type { OrderSettings } from './env.ts';
import { OrderLog } from './order-log.ts';
import { Presence } from './presence.ts';
import { SaleDirectory } from './sale-directory.ts';
import { OrderStore } from './store/order-store.ts';

/** An order that was accepted, now or by an earlier call with the same key. */
export interface Accepted {
  readonly record: OrderRecord;
  readonly repeated: boolean;
}

/**
 * Takes orders. When {@link PlaceOrder.place} has answered, the order is on the log and in the view, or in every view that
 * will be rebuilt from that log: nothing that is lost afterwards can lose it.
 */
@Injectable()
export class PlaceOrder {
  private readonly store: OrderStore;
  private readonly sales: SaleDirectory;
  private readonly admission: Admission;
  private readonly log: OrderLog;
  private readonly clock: Clock;
  private readonly presence: Presence;
  private readonly settings: LiveSettings<OrderSettings>;

  constructor(
    store: OrderStore,
    sales: SaleDirectory,
    admission: Admission,
    log: OrderLog,
    @InjectClock() clock: Clock,
    settings: LiveSettings<OrderSettings>,
  ) {
    this.settings = settings;
    this.store = store;
    this.sales = sales;
    this.admission = admission;
    this.log = log;
    this.clock = clock;
    this.presence = new Presence((partition, orderIds) => store.missing(partition, orderIds));
  }

  /** @throws FlashmeshError as documented at `OrderService.PlaceOrder`. */
  async place(request: order.PlaceOrderRequest): Promise<Accepted> {
    checkRequest(request);
    const id = orderIdOf(request.buyerId, request.idempotencyKey);
    const fingerprint = fingerprintOf(request);
    const sale = await this.sales.get(request.saleId);
    let item: catalog.SaleItem;
    try {
      item = await this.enter(sale, request);
    } catch (refusal) {
      // The doors may have closed between the first call and its repetition: an accepted order stays accepted.
      const known = isShutDoor(refusal) ? await this.store.get(id) : undefined;
      if (!known) throw refusal;
      return this.repeat(known, fingerprint);
    }
    const placed = this.accept(id, fingerprint, sale, item, request);
    const { record, created } = await this.store.place(placed, this.settings.current.maxOpen);
    if (!created) return this.repeat(record, fingerprint);
    await Promise.all([this.log.tell(record), this.log.reserve(placed)]);
    await this.ensureHeld(placed);
    return { record, repeated: false };
  }

  /** Passes the doors: the sale's rules, then admission. */
  private async enter(
    sale: catalog.Sale,
    { sku, quantity }: order.PlaceOrderRequest,
  ): Promise<catalog.SaleItem> {
    const item = orderableItem(sale, sku, quantity, this.clock.now());
    await this.admission.admit(sku, quantity);
    return item;
  }

  private accept(
    id: string,
    fingerprint: string,
    { currency, reservationTtlSeconds }: catalog.Sale,
    { unitPrice, limitPerBuyer }: catalog.SaleItem,
    { buyerId, saleId, sku, quantity, paymentMethod }: order.PlaceOrderRequest,
  ): PlacedOrder {
    return {
      id,
      buyerId,
      saleId,
      sku,
      quantity,
      unitPrice,
      currency,
      paymentMethod,
      fingerprint,
      limitPerBuyer,
      reservationTtlSeconds,
      placedAt: this.clock.now(),
      traceparent: traceparentOf(),
    };
  }

  /**
   * Answers a request that was accepted before. The first call may have died before the log had the order, so the log is
   * told again; the ids make it a duplicate where it is one.
   */
  private async repeat(record: OrderRecord, fingerprint: string): Promise<Accepted> {
    const placed = record.order;
    if (placed.fingerprint !== fingerprint) {
      throw new FlashmeshError(
        'failed_precondition',
        'IDEMPOTENCY_KEY_REUSED',
        'the idempotency key belongs to another order',
        { field: 'idempotencyKey' },
      );
    }
    await Promise.all([
      this.log.tell(record),
      record.state === 'PLACED' ? this.log.reserve(placed) : undefined,
    ]);
    await this.ensureHeld(placed);
    return { record, repeated: true };
  }

  /**
   * A view that was wiped and rebuilt while the order was on its way to the log may lack it. Asking after the log has it
   * settles the matter: a view that holds it now was not wiped, or was rebuilt from a log that had it, or is told now.
   */
  private async ensureHeld(placed: PlacedOrder): Promise<void> {
    if (await this.presence.holds(this.store.partitionOf(placed.id), placed.id)) return;
    await this.store.place(placed);
  }
}

/** Whether it is a refusal that concerns the moment, not the request. */
function isShutDoor(error: unknown): boolean {
  return (
    error instanceof FlashmeshError &&
    (error.kind === 'failed_precondition' || error.kind === 'resource_exhausted')
  );
}
