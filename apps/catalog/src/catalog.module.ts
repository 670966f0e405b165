import { Module } from '@nestjs/common';
import { CatalogController } from './catalog.controller.ts';
import { OpenSalesGauge } from './open-sales-gauge.ts';
import { SaleAdmin } from './sale-admin.ts';
import { SaleDoors } from './sale-doors.ts';
import { SaleRounds } from './sale-rounds.ts';
import { CatalogLog } from './store/catalog-log.ts';
import { CatalogView } from './store/catalog-view.ts';

/** Catalog: what is sold, when, at which price and in which amounts. */
@Module({
  controllers: [CatalogController],
  providers: [CatalogView, CatalogLog, SaleDoors, SaleRounds, SaleAdmin, OpenSalesGauge],
})
export class CatalogModule {}
