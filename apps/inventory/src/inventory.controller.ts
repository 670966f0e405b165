import { inventory, topics } from '@flashmesh/contracts';
import { FlashmeshError, invalidArgument } from '@flashmesh/core';
import { EventProducer, type IncomingEvent, OnEvent } from '@flashmesh/messaging';
import { Rpc } from '@flashmesh/rpc';
import { LiveSettings } from '@flashmesh/service';
import { Controller } from '@nestjs/common';
import { admit } from './domain/admission.ts';
import { requireId, requirePositive, requireText, requireToken } from './domain/command.ts';
import type { InventorySettings } from './env.ts';
import { COMMAND_BATCH, StockStore } from './store/stock-store.ts';
import { StockView } from './store/stock-view.ts';

const ADMISSIONS = {
  admitted: inventory.Admission.ADMITTED,
  'sold-out': inventory.Admission.SOLD_OUT,
  'unknown-sku': inventory.Admission.UNKNOWN_SKU,
  busy: inventory.Admission.BUSY,
} as const;

/** SKUs of one sale, at most. */
const MAX_SKUS = 100;

/** Commands come in through the log; questions about the stock through gRPC. */
@Controller()
export class InventoryController {
  private readonly store: StockStore;
  private readonly view: StockView;
  private readonly producer: EventProducer;
  private readonly settings: LiveSettings<InventorySettings>;

  constructor(
    store: StockStore,
    view: StockView,
    producer: EventProducer,
    settings: LiveSettings<InventorySettings>,
  ) {
    this.store = store;
    this.view = view;
    this.producer = producer;
    this.settings = settings;
  }

  @OnEvent(topics.inventoryCommands, { batch: COMMAND_BATCH })
  async onCommands(events: IncomingEvent<inventory.InventoryCommand>[]): Promise<void> {
    await this.store.apply(events);
  }

  @Rpc(inventory.InventoryServiceDefinition, 'checkAdmission')
  async checkAdmission(request: inventory.CheckAdmissionRequest): Promise<inventory.CheckAdmissionResponse> {
    const quantity = requirePositive('quantity', request.quantity);
    const seen = await this.view.look(requireId('sku', request.sku));
    const verdict = admit(seen, quantity, this.settings.current.maxWaitMs);
    return { admission: ADMISSIONS[verdict] };
  }

  @Rpc(inventory.InventoryServiceDefinition, 'getStock')
  async getStock(request: inventory.GetStockRequest): Promise<inventory.GetStockResponse> {
    const sku = requireId('sku', request.sku);
    const seen = await this.view.look(sku);
    if (!seen) throw new FlashmeshError('not_found', 'UNKNOWN_SKU', `${sku} never had stock`);
    return { stock: { sku, ...seen.balance } };
  }

  @Rpc(inventory.InventoryServiceDefinition, 'restock')
  async restock(request: inventory.RestockRequest): Promise<inventory.RestockResponse> {
    const sku = requireId('sku', request.sku);
    const restockId = requireText('restockId', request.restockId);
    const quantity = requirePositive('quantity', request.quantity);
    const fenced = request.saleId !== '';
    const saleId = fenced ? requireId('saleId', request.saleId) : '';
    const token = fenced ? requireToken(request.token) : undefined;
    await this.producer.publish(topics.inventoryCommands, {
      key: sku,
      // Of another holder's it is another record: of two, the stock may refuse the one and take the other.
      id: `${restockId}/restock${token ? `@${token.czxid}` : ''}`,
      data: { sku, command: { $case: 'restock', value: { restockId, quantity, saleId, token } } },
    });
    return {};
  }

  @Rpc(inventory.InventoryServiceDefinition, 'fenceSale')
  async fenceSale(request: inventory.FenceSaleRequest): Promise<inventory.FenceSaleResponse> {
    const saleId = requireId('saleId', request.saleId);
    const token = requireToken(request.token);
    const { length } = request.skus;
    if (length < 1 || length > MAX_SKUS) throw invalidArgument('skus', `must be 1 to ${MAX_SKUS}`);
    const skus = request.skus.map((sku, index) => requireId(`skus[${index}]`, sku));
    const fence = (sku: string) =>
      this.producer.publish(topics.inventoryCommands, {
        key: sku,
        id: `${saleId}/${sku}/fence@${token.czxid}`,
        data: { sku, command: { $case: 'fence', value: { saleId, token } } },
      });
    await Promise.all(skus.map(fence));
    return {};
  }
}
