import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { topics } from '@flashmesh/contracts';
import { useStack } from '../support/stack.ts';
import { TlsReplicas } from '../support/tls-replicas.ts';

const run = promisify(execFile);
const script = join(import.meta.dirname, '../contract/run.sh');
/** Whoever has no Python can still run everything else; the project's own checks have it. */
const hasPython = spawnSync('python3', ['-c', 'import venv, ensurepip']).status === 0;

/** Runs the client; the lines that it prints, one a check. */
async function client(sale: { saleId: string; sku: string }, env: Record<string, string | undefined>) {
  const { stdout } = await run(script, [sale.saleId, sale.sku], { env: { ...process.env, ...env } });
  return stdout.trim().split('\n');
}

const failed = (lines: string[]) => lines.filter((line) => !line.startsWith('ok'));

(hasPython ? describe : describe.skip)('a client in another language, made from proto/ alone', () => {
  const { shop, addresses, partitionsOf } = useStack();

  it('calls every service', async () => {
    const sale = await shop.openSale({ stock: 5 });
    const { catalog, order, inventory, payment, gateway } = await addresses();
    const lines = await client(sale, {
      CATALOG: catalog,
      ORDER: order,
      INVENTORY: inventory,
      PAYMENT: payment,
      INGEST: gateway,
    });
    expect(failed(lines)).toEqual([]);
    expect(lines).toHaveLength(12);
  });

  describe('under mutual TLS', () => {
    const replicas = new TlsReplicas();
    beforeAll(async () => {
      const partitions = await partitionsOf(topics.inventoryCommands);
      const names = ['catalog', 'inventory', 'payment', 'order', 'gateway'];
      await replicas.start(names, { KAFKA_PARTITIONS: `${partitions}` });
    });
    afterAll(() => replicas.stop());

    it('is served with a proper certificate, refused without one or with the wrong one, and the log says who', async () => {
      const sale = await shop.openSale({ stock: 5 });
      const [gateway, order] = [replicas.certificate('gateway'), replicas.certificate('order')];
      const lines = await client(sale, {
        CATALOG: replicas.address('catalog'),
        ORDER: replicas.address('order'),
        INVENTORY: replicas.address('inventory'),
        PAYMENT: replicas.address('payment'),
        INGEST: replicas.address('gateway'),
        GRPC_CA_FILE: gateway.caFile,
        GRPC_CERT_FILE: gateway.certFile,
        GRPC_KEY_FILE: gateway.keyFile,
        PAYMENT_CERT_FILE: order.certFile,
        PAYMENT_KEY_FILE: order.keyFile,
      });
      expect(failed(lines)).toEqual([]);
      expect(lines).toHaveLength(14);
      expect(replicas.refusals('order')).toMatchObject([
        { reason: 'no_certificate', method: '/flashmesh.order.v1.OrderService/GetOrder' },
      ]);
      expect(replicas.refusals('payment')).toMatchObject([
        { reason: 'not_allowed', caller: 'spiffe://cluster.local/ns/shop/sa/flashmesh-gateway' },
      ]);
    });
  });
});
