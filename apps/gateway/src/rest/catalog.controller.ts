import { catalog, inventory } from '@flashmesh/contracts';
import { FlashmeshError } from '@flashmesh/core';
import { InjectClient, type MeshClient } from '@flashmesh/rpc';
import { Controller, Get, Param } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Refuses } from '../http/openapi.ts';
import { productView, type ProductView, saleView, type SaleView } from './schemas.ts';
import { present, viewSale } from './views.ts';

/** Browsing: sales and products from the catalog, balances from inventory. */
@Controller('api')
@ApiTags('catalog')
export class CatalogController {
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

  @Get('sales')
  @ApiOperation({ summary: 'All sales, newest first' })
  @ApiResponse({ status: 200, description: 'The sales.', standardSchema: saleView, isArray: true })
  @Refuses(503, 504)
  async listSales(): Promise<SaleView[]> {
    const { sales } = await this.catalog.listSales({});
    return sales.map((sale) => viewSale(sale));
  }

  @Get('sales/:id')
  @ApiOperation({ summary: 'One sale, with its stock' })
  @ApiResponse({ status: 200, description: 'The sale.', standardSchema: saleView })
  @Refuses(404, 503, 504)
  async findSale(@Param('id') saleId: string): Promise<SaleView> {
    const answer = await this.catalog.getSale({ saleId });
    const sale = present(answer.sale, 'sale');
    const stocks = await Promise.all(sale.items.map(({ sku }) => this.stockOf(sku)));
    return viewSale(sale, new Map(stocks.flatMap((stock) => (stock ? [[stock.sku, stock] as const] : []))));
  }

  @Get('products')
  @ApiOperation({ summary: 'All products, by SKU' })
  @ApiResponse({ status: 200, description: 'The products.', standardSchema: productView, isArray: true })
  @Refuses(503, 504)
  async listProducts(): Promise<ProductView[]> {
    const { products } = await this.catalog.listProducts({});
    return products.map(({ sku, name }) => ({ sku, name }));
  }

  @Get('products/:sku')
  @ApiOperation({ summary: 'One product' })
  @ApiResponse({ status: 200, description: 'The product.', standardSchema: productView })
  @Refuses(404, 503, 504)
  async findProduct(@Param('sku') sku: string): Promise<ProductView> {
    const { product } = await this.catalog.getProduct({ sku });
    const { name } = present(product, 'product');
    return { sku, name };
  }

  /** Browsing goes on while the stock is being seeded or rebuilt: then there is none to show. */
  private async stockOf(sku: string): Promise<inventory.Stock | undefined> {
    try {
      return (await this.inventory.getStock({ sku })).stock;
    } catch (error) {
      if (error instanceof FlashmeshError && UNKNOWN_FOR_NOW.has(error.kind)) return undefined;
      throw error;
    }
  }
}

const UNKNOWN_FOR_NOW: ReadonlySet<string> = new Set(['not_found', 'unavailable', 'deadline_exceeded']);
