import { ExportRing } from './export-ring.ts';
import { TraceQuery } from './trace-query.ts';
import { WireReader } from './wire-reader.ts';

describe('ExportRing', () => {
  it('keeps the newest within its bound', () => {
    const ring = new ExportRing(10_000);
    for (let n = 0; n < 1000; n++) ring.add(Buffer.alloc(800, n));
    expect(ring.size).toBe(10);
    expect(ring.bytes).toBe(10_000);
    expect([...ring.newestFirst()].map((request) => request[0])).toEqual(
      Array.from({ length: 10 }, (_, i) => (999 - i) & 255),
    );
  });

  it('does not keep alive, or see change, the buffer that something came in', () => {
    const ring = new ExportRing(10_000);
    const network = Buffer.alloc(64 * 1024, 1);
    ring.add(network.subarray(0, 10));
    network.fill(2);
    const [kept] = [...ring.newestFirst()];
    expect(kept).toEqual(Buffer.alloc(10, 1));
    expect(kept?.buffer.byteLength).toBe(10);
  });

  it('leaves out what alone is larger than the bound, and keeps the rest', () => {
    const ring = new ExportRing(1000);
    ring.add(Buffer.alloc(10));
    ring.add(Buffer.alloc(2000));
    expect(ring.size).toBe(1);
  });
});

describe('TraceQuery', () => {
  it.each([
    ['text', Buffer.from('this is no protobuf at all')],
    ['a message that is cut off', Buffer.from([0x0a, 0x7f, 0x01])],
    ['nothing', Buffer.alloc(0)],
    // resource_spans { scope_spans { spans { trace_id (16 bytes promised, none there) } } }
    ['a broken span', Buffer.from([0x0a, 0x06, 0x12, 0x04, 0x12, 0x02, 0x0a, 0x10])],
  ])('passes over %s', (_, bytes) => {
    const ring = new ExportRing(10_000);
    ring.add(bytes);
    const query = new TraceQuery(ring);
    expect(query.find({ service: 'unknown_service', limit: 10 })).toEqual([]);
    expect(query.traces(new Set(['00'.repeat(16)]))).toEqual([]);
    expect(query.operations('a')).toEqual([]);
    query.services();
  });
});

describe('WireReader', () => {
  it.each([
    [[0x00], 0],
    [[0x7f], 127],
    [[0xac, 0x02], 300],
    [[0xff, 0xff, 0xff, 0xff, 0x0f], 2 ** 32 - 1],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f], 2 ** 53 - 1],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], -1],
  ])('reads the varint %j as %i', (bytes, value) => {
    expect(new WireReader(Buffer.from(bytes)).varint()).toBe(value);
  });

  it('refuses a varint without an end, and an unknown wire type', () => {
    expect(() => new WireReader(Buffer.alloc(20, 0xff)).varint()).toThrow(RangeError);
    const reader = new WireReader(Buffer.from([0x0b]));
    reader.next();
    expect(() => reader.skip()).toThrow(new RangeError('unknown wire type 3'));
  });
});
