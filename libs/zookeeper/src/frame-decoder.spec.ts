import { FrameDecoder } from './frame-decoder.ts';
import { JuteReader } from './jute-reader.ts';
import { JuteWriter } from './jute-writer.ts';

describe('jute and frames', () => {
  const stream = Buffer.concat([
    new JuteWriter()
      .int(-5)
      .long(-(2n ** 63n))
      .bool(true)
      .ustring('größe 漢字')
      .buffer(null)
      .finish(),
    new JuteWriter().finish(),
    new JuteWriter(1)
      .buffer(Buffer.alloc(1000, 7))
      .vector(['a', 'b'], (w, s) => w.ustring(s))
      .finish(),
  ]);

  it.each([1, 2, 3, 5, 7, 64, 10_000])('reads what was written, in slices of %i bytes', (size) => {
    const decoder = new FrameDecoder(2000);
    const frames: Buffer[] = [];
    for (let at = 0; at < stream.length; at += size) {
      decoder.push(stream.subarray(at, at + size), (frame) => frames.push(frame));
    }
    expect(frames.map((frame) => frame.length)).toEqual([35, 0, 1018]);
    const first = new JuteReader(frames[0] as Buffer);
    expect([first.int(), first.long(), first.bool(), first.ustring(), first.buffer()]).toEqual([
      -5,
      -(2n ** 63n),
      true,
      'größe 漢字',
      null,
    ]);
    expect(first.remaining).toBe(0);
    const third = new JuteReader(frames[2] as Buffer);
    expect(third.buffer()?.every((byte) => byte === 7)).toBe(true);
    expect(third.vector((reader) => reader.ustring())).toEqual(['a', 'b']);
  });

  it.each([0n, 1n, -1n, 2n ** 32n - 1n, 2n ** 32n, 1_700_000_000_123n, -(2n ** 40n) - 5n])(
    'reads the long %d, also as a number',
    (value) => {
      const bytes = new JuteWriter().long(value).long(value).finish().subarray(4);
      const reader = new JuteReader(bytes);
      expect([reader.long(), reader.safeLong()]).toEqual([value, Number(value)]);
    },
  );

  it('refuses frames that are too long, and reads beyond the end', () => {
    const decoder = new FrameDecoder(10);
    expect(() => decoder.push(stream, () => undefined)).toThrow(
      expect.objectContaining({ code: 'ZK_FRAME_TOO_LARGE' }),
    );
    const reader = new JuteReader(Buffer.from([0, 0, 0, 9, 1]));
    expect(() => reader.buffer()).toThrow(expect.objectContaining({ code: 'ZK_MARSHALLING_ERROR' }));
  });
});
