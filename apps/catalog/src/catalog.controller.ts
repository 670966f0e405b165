import { catalog, topics } from '@flashmesh/contracts';
import { FlashmeshError } from '@flashmesh/core';
import { type IncomingEvent, OnEvent } from '@flashmesh/messaging';
import { type CallContext, Rpc } from '@flashmesh/rpc';
import { Controller } from '@nestjs/common';
import { checkSale } from './domain/check-sale.ts';
import { SaleAdmin } from './sale-admin.ts';
import { CatalogView } from './store/catalog-view.ts';

const service = catalog.CatalogServiceDefinition;

/** Questions come in through gRPC and are answered from memory, which the log keeps up to date. */
@Controller()
export class CatalogController {
  private readonly view: CatalogView;
  private readonly admin: SaleAdmin;

  constructor(view: CatalogView, admin: SaleAdmin) {
    this.view = view;
    this.admin = admin;
  }

  @OnEvent(topics.products, { batch: 500, broadcast: true, from: 'earliest' })
  onProducts(events: IncomingEvent<catalog.Product>[]): void {
    this.view.onProducts(events);
  }

  @OnEvent(topics.sales, { batch: 500, broadcast: true, from: 'earliest' })
  onSales(events: IncomingEvent<catalog.Sale>[]): void {
    this.view.onSales(events);
  }

  @Rpc(service, 'getProduct')
  getProduct({ sku }: catalog.GetProductRequest): catalog.GetProductResponse {
    const product = this.view.product(sku);
    if (!product) throw new FlashmeshError('not_found', 'UNKNOWN_SKU', 'there is no such product');
    return { product };
  }

  @Rpc(service, 'listProducts')
  listProducts(): catalog.ListProductsResponse {
    return { products: this.view.products() };
  }

  @Rpc(service, 'getSale')
  getSale({ saleId }: catalog.GetSaleRequest): catalog.GetSaleResponse {
    const sale = this.view.sale(saleId);
    if (!sale) throw new FlashmeshError('not_found', 'UNKNOWN_SALE', 'there is no such sale');
    return { sale };
  }

  @Rpc(service, 'listSales')
  listSales(): catalog.ListSalesResponse {
    return { sales: this.view.sales() };
  }

  @Rpc(service, 'openSale')
  async openSale(request: catalog.OpenSaleRequest, call: CallContext): Promise<catalog.OpenSaleResponse> {
    return { sale: await this.admin.open(checkSale(request), call.signal) };
  }

  @Rpc(service, 'closeSale')
  async closeSale(
    { saleId }: catalog.CloseSaleRequest,
    call: CallContext,
  ): Promise<catalog.CloseSaleResponse> {
    return { sale: await this.admin.close(saleId, call.signal) };
  }
}
