import { Metadata, status as Status } from '@grpc/grpc-js';
import { unavailable } from '@flashmesh/core';
import { errorFromStatus, statusFromError } from './status.ts';

describe('errorFromStatus', () => {
  const fromTransport = (code: Status, details: string) =>
    errorFromStatus({ code, details, metadata: new Metadata() }, 'OrderService');

  it.each([
    [Status.CANCELLED, 'cancelled'],
    [
      Status.INTERNAL,
      'Received RST_STREAM with code 2 triggered by internal client error: Session closed with error code 2',
    ],
    [Status.UNAVAILABLE, 'Connection dropped'],
  ])('a connection that was lost (%s, %s) leaves open what happened', (code, details) => {
    expect(fromTransport(code, details)).toMatchObject({ kind: 'unavailable', retryAfterMs: 500 });
  });

  it('what failed inside the far side is no lost connection', () => {
    expect(fromTransport(Status.INTERNAL, 'Error serializing response').kind).toBe('internal');
  });

  it('an error of ours travels whole', () => {
    const told = unavailable('STOCK_NOT_READY', 'not yet', { retryAfterMs: 250, field: 'sku' });
    expect(errorFromStatus(statusFromError(told), 'x')).toMatchObject({
      kind: 'unavailable',
      code: 'STOCK_NOT_READY',
      message: 'not yet',
      retryAfterMs: 250,
      field: 'sku',
    });
  });
});
