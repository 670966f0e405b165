import { decodeEnvelope, encodeEnvelope, encodeTombstone } from './envelope.ts';

describe('envelope', () => {
  it('carries value, negative and tombstone with their expiry', () => {
    expect(decodeEnvelope(encodeEnvelope('value', 123.5, 'héllo'))).toEqual({
      kind: 'value',
      expiresAt: 123.5,
      payload: Buffer.from('héllo'),
    });
    expect(decodeEnvelope(encodeEnvelope('negative', 1))).toEqual({ kind: 'negative', expiresAt: 1 });
    expect(decodeEnvelope(encodeTombstone(7))).toEqual({ kind: 'tombstone', expiresAt: 7 });
  });

  it('makes no two tombstones alike', () => {
    expect(encodeTombstone(7).equals(encodeTombstone(7))).toBe(false);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['too little', Buffer.from([1, 0, 0])],
    ['another format', Buffer.concat([Buffer.from([2]), encodeEnvelope('value', 1, 'x').subarray(1)])],
    ['an unknown kind', Buffer.concat([Buffer.from([1, 9]), Buffer.alloc(8)])],
    ['text of somebody else', Buffer.from('{"some":"json"}')],
  ])('takes %s for a miss', (_, bytes) => {
    expect(decodeEnvelope(bytes)).toBeUndefined();
  });
});
