import { catalog, inventory } from '@flashmesh/contracts';
import { InjectClient, type MeshClient } from '@flashmesh/rpc';
import { Body, Controller, Headers, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { AdminGuard } from '../auth/admin.guard.ts';
import { Refuses } from '../http/openapi.ts';
import { idempotencyKey, validation } from '../http/validation.ts';
import {
  openSaleBody,
  type OpenSaleBody,
  restockBody,
  type RestockBody,
  restockView,
  type RestockView,
  saleView,
  type SaleView,
} from './schemas.ts';
import { present, viewSale } from './views.ts';

/** Opening a sale waits until inventory has its stock. */
const OPEN_SALE_DEADLINE_MS = 30_000;

/** What admins do. */
@Controller('api/admin')
@UseGuards(AdminGuard)
@ApiTags('admin')
@ApiBearerAuth('admin')
export class AdminController {
  private readonly catalog: MeshClient<typeof catalog.CatalogServiceDefinition>;
  private readonly inventory: MeshClient<typeof inventory.InventoryServiceDefinition>;

  constructor(
    @InjectClient(catalog.CatalogServiceDefinition)
    catalogClient: MeshClient<typeof catalog.CatalogServiceDefinition>,
    @InjectClient(inventory.InventoryServiceDefinition)
    inventoryClient: MeshClient<typeof inventory.InventoryServiceDefinition>,
  ) {
    this.catalog = catalogClient;
    this.inventory = inventoryClient;
  }

  @Post('sales')
  @ApiOperation({
    summary: 'Open a sale',
    description:
      'Answers when the stock is in and the doors are open. The same id with the same content answers the same.',
  })
  @ApiResponse({ status: 201, description: 'The sale, open.', standardSchema: saleView })
  @Refuses(400, 401, 409, 413, 415, 503, 504)
  async openSale(@Body({ schema: openSaleBody, pipes: [validation] }) body: OpenSaleBody): Promise<SaleView> {
    const { opensAt, closesAt, items, ...rest } = body;
    const sale = catalog.Sale.create({
      ...rest,
      opensAt: new Date(opensAt),
      closesAt: new Date(closesAt),
      items: items.map(({ sku, unitPrice, limitPerBuyer, stock }) => ({
        sku,
        unitPrice,
        limitPerBuyer,
        stock,
      })),
    });
    const products = items.flatMap(({ sku, name }) => (name === undefined ? [] : [{ sku, name }]));
    const answer = await this.catalog.openSale({ sale, products }, { deadlineMs: OPEN_SALE_DEADLINE_MS });
    return viewSale(present(answer.sale, 'sale'));
  }

  @Post('sales/:id/close')
  @HttpCode(200)
  @ApiOperation({ summary: 'Close a sale early', description: 'Orders already accepted go their way.' })
  @ApiResponse({ status: 200, description: 'The sale, closed.', standardSchema: saleView })
  @Refuses(401, 404, 503, 504)
  async closeSale(@Param('id') saleId: string): Promise<SaleView> {
    const answer = await this.catalog.closeSale({ saleId }, { deadlineMs: OPEN_SALE_DEADLINE_MS });
    return viewSale(present(answer.sale, 'sale'));
  }

  @Post('skus/:sku/restock')
  @HttpCode(202)
  @ApiOperation({ summary: 'Add units', description: 'Once per key and SKU.' })
  @ApiHeader({ name: 'Idempotency-Key', required: true, example: 'delivery-17' })
  @ApiResponse({ status: 202, description: 'The units are on their way.', standardSchema: restockView })
  @Refuses(400, 401, 413, 415, 503, 504)
  async restock(
    @Param('sku') sku: string,
    @Headers('idempotency-key') key: string | undefined,
    @Body({ schema: restockBody, pipes: [validation] }) { quantity }: RestockBody,
  ): Promise<RestockView> {
    // Apart from the ids of the seeds, which begin with the id of a sale.
    const restockId = `admin:${sku}:${idempotencyKey(key)}`;
    await this.inventory.restock({ restockId, sku, quantity });
    return { restockId };
  }
}
