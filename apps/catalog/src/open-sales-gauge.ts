import type { Clock } from '@flashmesh/core';
import { InjectClock } from '@flashmesh/service';
import { type Gauge, gauge } from '@flashmesh/telemetry';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { isOpen } from './domain/sale-window.ts';
import { CatalogView } from './store/catalog-view.ts';

/** The metric that says how many sales take orders right now, as the clock and their windows have it. */
@Injectable()
export class OpenSalesGauge implements OnApplicationShutdown {
  private readonly gauge: Gauge;

  constructor(view: CatalogView, @InjectClock() clock: Clock) {
    const options = { description: 'Sales that take orders now', unit: '{sale}' };
    this.gauge = gauge('flashmesh.catalog.open_sales', options, () => {
      const now = clock.now();
      return view.sales().filter((sale) => isOpen(sale, now)).length;
    });
  }

  onApplicationShutdown(): void {
    this.gauge.stop();
  }
}
