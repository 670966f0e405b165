import { inventory, topics } from '@flashmesh/contracts';
import { FlashmeshError } from '@flashmesh/core';
import { EventProducer, type IncomingEvent, OnEvent } from '@flashmesh/messaging';
import { Rpc } from '@flashmesh/rpc';
import { LiveSettings } from '@flashmesh/service';
import { Controller } from '@nestjs/common';
import { admit } from './domain/admission.ts';
import { requireId, requirePositive, requireText } from './domain/command.ts';
import type { InventorySettings } from './env.ts';
import { COMMAND_BATCH, StockStore } from './store/stock-store.ts';
import { StockView } from './store/stock-view.ts';

const ADMISSIONS = {
  admitted: inventory.Admission.ADMITTED,
  'sold-out': inventory.Admission.SOLD_OUT,
  'unknown-sku': inventory.Admission.UNKNOWN_SKU,
  busy: inventory.Admission.BUSY,
} as const;

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
    await this.producer.publish(topics.inventoryCommands, {
      key: sku,
      id: `${restockId}/restock`,
      data: { sku, command: { $case: 'restock', value: { restockId, quantity } } },
    });
    return {};
  }
}
