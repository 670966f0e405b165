import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { useStack } from '../support/stack.ts';

const run = promisify(execFile);
const script = join(import.meta.dirname, '../contract/run.sh');
/** Whoever has no Python can still run everything else; the project's own checks have it. */
const hasPython = spawnSync('python3', ['-c', 'import venv, ensurepip']).status === 0;

(hasPython ? describe : describe.skip)('a client in another language, made from proto/ alone', () => {
  const { shop, addresses } = useStack();

  it('calls every service', async () => {
    const sale = await shop.openSale({ stock: 5 });
    const { catalog, order, inventory, payment, gateway } = await addresses();
    const env = {
      ...process.env,
      CATALOG: catalog,
      ORDER: order,
      INVENTORY: inventory,
      PAYMENT: payment,
      INGEST: gateway,
    };
    const { stdout } = await run(script, [sale.saleId, sale.sku], { env });
    const lines = stdout.trim().split('\n');
    expect(lines.filter((line) => !line.startsWith('ok'))).toEqual([]);
    expect(lines).toHaveLength(12);
  });
});
