import { Module } from '@nestjs/common';
import { ExpiryLeader } from './expiry-leader.ts';
import { InventoryController } from './inventory.controller.ts';
import { StockStore } from './store/stock-store.ts';
import { StockView } from './store/stock-view.ts';

/** Inventory: one writer a partition decides about every unit of stock. */
@Module({ controllers: [InventoryController], providers: [StockStore, StockView, ExpiryLeader] })
export class InventoryModule {}
