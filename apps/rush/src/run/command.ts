import { numberFlag, parseFlags, required, urlFlag } from '@flashmesh/core';
import { AcceptedOrdersWriter } from '../accepted-orders.ts';
import { GatewayClient } from './gateway-client.ts';
import { rush, type RushReport } from './rush.ts';

const text = { type: 'string' } as const;

/**
 * `rush run`. Returns the exit code.
 *
 * @param interrupted when it aborts, no more buyers come.
 */
export async function runCommand(args: readonly string[], interrupted: AbortSignal): Promise<number> {
  const flags = parseFlags(args, {
    gateway: text,
    sale: text,
    sku: text,
    buyers: text,
    rate: text,
    quantity: { ...text, default: '1' },
    'payment-method': { ...text, default: 'tok_ok' },
    'decline-ratio': { ...text, default: '0' },
    patience: { ...text, default: '60' },
    'come-back': text,
    'max-failed': text,
    out: text,
    json: { type: 'boolean', default: false },
  });
  const buyers = numberFlag('buyers', required('buyers', flags.buyers), {
    min: 1,
    max: 1_000_000,
    whole: true,
  });
  const ratePerSecond = numberFlag('rate', required('rate', flags.rate), { min: 0.1, max: 100_000 });
  const declineRatio = numberFlag('decline-ratio', flags['decline-ratio'], { min: 0, max: 1 });
  const patienceMs = numberFlag('patience', flags.patience, { min: 0, max: 3600 }) * 1000;
  const comeBack = flags['come-back'];
  const comeBackMs =
    comeBack === undefined ? undefined : numberFlag('come-back', comeBack, { min: 1, max: 3600 }) * 1000;
  const maxFailed =
    flags['max-failed'] === undefined
      ? Number.POSITIVE_INFINITY
      : numberFlag('max-failed', flags['max-failed'], { min: 0, max: 1e9, whole: true });
  const wish = {
    saleId: required('sale', flags.sale),
    sku: required('sku', flags.sku),
    quantity: numberFlag('quantity', flags.quantity, { min: 1, max: 1_000_000, whole: true }),
    paymentMethod: flags['payment-method'],
  };
  const gateway = urlFlag('gateway', required('gateway', flags.gateway));
  const writer = new AcceptedOrdersWriter(required('out', flags.out));
  const client = new GatewayClient(gateway);
  // Buyers who pause before they ask again keep nothing else alive.
  const keepAlive = setInterval(() => undefined, 60_000);
  try {
    const report = await rush({
      client,
      buyers,
      ratePerSecond,
      wish,
      declineRatio,
      patienceMs,
      comeBackMs,
      signal: interrupted,
      onAccepted: (order) => writer.write(order),
      onProgress: (what) => process.stderr.write(`${what}\n`),
    });
    process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : textOf(report));
    return report.failedRequests <= maxFailed ? 0 : 1;
  } finally {
    clearInterval(keepAlive);
    await Promise.all([writer.close(), client.close()]);
  }
}

function textOf(report: RushReport): string {
  const { offered, accepted, rejected, notSent, askedAgain, seconds, latencyMs } = report;
  const why = Object.entries({ ...rejected, notSent })
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${reason} ${count}`);
  return [
    `offered   ${offered} orders, ${report.offeredPerSecond} a second`,
    `accepted  ${accepted}, ${report.acceptedPerSecond} a second over ${seconds} s`,
    `rejected  ${offered - accepted}${why.length > 0 ? `: ${why.join(', ')}` : ''}`,
    `answer    p50 ${latencyMs.p50 ?? '-'} ms, p99 ${latencyMs.p99 ?? '-'} ms, max ${latencyMs.max ?? '-'} ms`,
    ...(askedAgain > 0
      ? [`asked again ${askedAgain} times, after answers that left open what happened or said to come later`]
      : []),
    `failed    ${report.failedRequests} requests (5xx or no answer)`,
    ...report.failures.map((failure) => `          ${failure}`),
    '',
  ].join('\n');
}
