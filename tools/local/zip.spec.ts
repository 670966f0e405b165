import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { isWholeZip, readEntry, readZip } from './zip.ts';

/** A zip of one deflated file, as APPNOTE.TXT lays it out. */
function zipOf(name: string, content: Buffer): Buffer {
  const packed = deflateRawSync(content);
  const file = Buffer.alloc(30);
  file.writeUInt32LE(0x04034b50, 0);
  file.writeUInt16LE(name.length, 26);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(8, 10);
  entry.writeUInt32LE(packed.length, 20);
  entry.writeUInt32LE(content.length, 24);
  entry.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(entry.length + name.length, 12);
  end.writeUInt32LE(file.length + name.length + packed.length, 16);
  return Buffer.concat([file, Buffer.from(name), packed, entry, Buffer.from(name), end]);
}

describe('zip', () => {
  const content = Buffer.from('a server '.repeat(1000));
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zip-'));
    path = join(folder, 'a.jar');
    await writeFile(path, zipOf('bin/server', content));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('lists entries and unpacks one', async () => {
    const [entry] = await readZip(path);
    expect(entry?.name).toBe('bin/server');
    expect(await readEntry(path, entry!)).toEqual(content);
    expect(await isWholeZip(path)).toBe(true);
  });

  it.each([1, 21, 60])('notices that the last %i bytes are missing', async (missing) => {
    await truncate(path, (await readFile(path)).length - missing);
    expect(await isWholeZip(path)).toBe(false);
  });

  it('notices an empty file and one that does not exist', async () => {
    await truncate(path, 0);
    expect(await isWholeZip(path)).toBe(false);
    expect(await isWholeZip(join(folder, 'none.jar'))).toBe(false);
  });
});
