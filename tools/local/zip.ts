import { open, type FileHandle } from 'node:fs/promises';
import { inflateRawSync } from 'node:zlib';

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const endSize = 22;
/** A comment of up to 64 KiB may follow the end record. */
const endWindow = endSize + 0xffff;

/** A file inside a zip, as its central directory tells. */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly headerOffset: number;
}

/**
 * The entries of a zip or jar (APPNOTE.TXT 4.3; no ZIP64). A file that was cut short has lost its end record or its
 * directory, and is refused.
 *
 * @throws Error that says what is missing.
 */
export async function readZip(path: string): Promise<ZipEntry[]> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const tail = await readAt(file, Math.max(0, size - endWindow), Math.min(size, endWindow));
  const end = lastEndRecord(tail);
  if (end === undefined) throw new Error(`${path}: no end record`);
  const count = tail.readUInt16LE(end + 10);
  const length = tail.readUInt32LE(end + 12);
  const offset = tail.readUInt32LE(end + 16);
  if (offset + length > size) throw new Error(`${path}: the directory lies outside of the file`);
  return parseDirectory(path, await readAt(file, offset, length), count);
}

/** The content of one entry: stored or deflated. */
export async function readEntry(path: string, entry: ZipEntry): Promise<Buffer> {
  await using file = await open(path, 'r');
  const header = await readAt(file, entry.headerOffset, 30);
  const start = entry.headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const packed = await readAt(file, start, entry.compressedSize);
  const content = entry.method === 0 ? packed : inflateRawSync(packed);
  if (content.length !== entry.size) throw new Error(`${path}: ${entry.name} has the wrong size`);
  return content;
}

/** Whether the file is a whole zip: it has an end record and a readable directory. */
export async function isWholeZip(path: string): Promise<boolean> {
  return readZip(path).then(
    (entries) => entries.length > 0,
    () => false,
  );
}

function lastEndRecord(tail: Buffer): number | undefined {
  for (let at = tail.length - endSize; at >= 0; at--) {
    const isEnd = tail.readUInt32LE(at) === endSignature;
    if (isEnd && at + endSize + tail.readUInt16LE(at + 20) === tail.length) return at;
  }
  return undefined;
}

function parseDirectory(path: string, directory: Buffer, count: number): ZipEntry[] {
  const entries: ZipEntry[] = [];
  for (let at = 0; entries.length < count;) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== entrySignature) {
      throw new Error(`${path}: the directory is damaged`);
    }
    const nameLength = directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString('utf8', at + 46, at + 46 + nameLength),
      method: directory.readUInt16LE(at + 10),
      compressedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      headerOffset: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead !== length) throw new Error('the file is shorter than its directory says');
  return buffer;
}
