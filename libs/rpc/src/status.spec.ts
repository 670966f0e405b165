import { Metadata, status as Status } from '@grpc/grpc-js';
import { invalidArgument, unavailable } from '@flashmesh/core';
import { STATUS_DETAILS_KEY } from './rich-status.ts';
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

  it('is written as google.rpc.Status has it, byte by byte', () => {
    const told = invalidArgument('a', 'b');
    const [bytes] = statusFromError(told).metadata.get(STATUS_DETAILS_KEY);
    const any = (type: string, value: string) => {
      const name = `type.googleapis.com/google.rpc.${type}`;
      const body = `\x0a${String.fromCodePoint(name.length)}${name}\x12${String.fromCodePoint(value.length)}${value}`;
      return `\x1a${String.fromCodePoint(body.length)}${body}`;
    };
    const info = any('ErrorInfo', '\x0a\x10INVALID_ARGUMENT\x12\x09flashmesh');
    const request = any('BadRequest', '\x0a\x08\x0a\x01a\x12\x03a b');
    expect(Buffer.from(bytes ?? '').toString('latin1')).toBe(`\x08\x03\x12\x03a b${info}${request}`);
  });

  it.each([0, 1, 999, 1500, 61_000])('a wait of %s ms survives', (retryAfterMs) => {
    const told = unavailable('X', 'y', { retryAfterMs });
    expect(errorFromStatus(statusFromError(told), 'x').retryAfterMs).toBe(retryAfterMs);
  });

  it('details of others count as far as they are understood', () => {
    const details = (bytes: Buffer) => {
      const metadata = new Metadata();
      metadata.set(STATUS_DETAILS_KEY, bytes);
      return errorFromStatus({ code: Status.NOT_FOUND, details: 'their words', metadata }, 'OrderService');
    };
    // A status with an Any of another type.
    const other = Buffer.from('\x08\x05\x12\x01m\x1a\x08\x0a\x03x/y\x12\x01z', 'latin1');
    expect(details(other)).toMatchObject({ kind: 'not_found', code: 'NOT_FOUND', message: 'their words' });
    expect(details(Buffer.from([0x1a, 0xff, 0xff]))).toMatchObject({
      code: 'NOT_FOUND',
      message: 'OrderService found nothing',
    });
  });
});
