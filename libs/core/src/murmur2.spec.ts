import { murmur2, partitionOf } from './murmur2.ts';

describe('murmur2', () => {
  // The vectors of Kafka's own UtilsTest.testMurmur2.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('agrees with the Java client on %s', (text, expected) => {
    expect(murmur2(Buffer.from(text)) | 0).toBe(expected);
  });

  it('stays within the partitions', () => {
    const seen = new Set(Array.from({ length: 200 }, (_, i) => partitionOf(`sku-${i}`, 7)));
    expect([...seen].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});
