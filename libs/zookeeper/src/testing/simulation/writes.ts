import type { JuteReader } from '../../jute-reader.ts';
import type { JuteWriter } from '../../jute-writer.ts';
import { OpCode } from '../../op-codes.ts';
import { readAcl, type Stat } from '../../records.ts';
import type { Outcome, Write } from './proposal.ts';

const CREATES: ReadonlySet<number> = new Set([OpCode.create2, OpCode.createContainer, OpCode.createTtl]);

/** A write from the wire. */
export function readWrite(op: number, body: JuteReader): Write {
  const path = body.ustring();
  if (CREATES.has(op)) {
    const data = bytesOf(body);
    body.vector(readAcl);
    const flags = body.int();
    if (op === OpCode.createTtl) body.long();
    return { op: 'create', path, data, flags };
  }
  if (op === OpCode.setData) return { op: 'set', path, data: bytesOf(body), version: body.int() };
  return { op: op === OpCode.check ? 'check' : 'delete', path, version: body.int() };
}

export function readMulti(body: JuteReader): Write[] {
  const writes: Write[] = [];
  for (;;) {
    const op = body.int();
    const done = body.bool();
    body.int();
    if (done) return writes;
    writes.push(readWrite(op, body));
  }
}

/** What follows the header of the reply to one write. */
export function writeOutcome(writer: JuteWriter, { write, path, stat }: Outcome): void {
  if (write.op === 'create') writer.ustring(path);
  if ((write.op === 'create' || write.op === 'set') && stat) writeStat(writer, stat);
}

export function writeMultiReply(writer: JuteWriter, outcomes: readonly Outcome[]): void {
  const refused = outcomes.some(({ error }) => error !== 0);
  for (const outcome of outcomes) {
    if (refused) writer.int(OpCode.error).bool(false).int(outcome.error).int(outcome.error);
    else {
      writer.int(opOf(outcome.write)).bool(false).int(0);
      writeOutcome(writer, outcome);
    }
  }
  writer.int(-1).bool(true).int(-1);
}

export function writeStat(writer: JuteWriter, stat: Stat): void {
  writer.long(stat.czxid).long(stat.mzxid).long(BigInt(stat.ctime)).long(BigInt(stat.mtime));
  writer.int(stat.version).int(stat.cversion).int(stat.aversion).long(stat.ephemeralOwner);
  writer.int(stat.dataLength).int(stat.numChildren).long(stat.pzxid);
}

function opOf({ op }: Write): number {
  if (op === 'create') return OpCode.create2;
  if (op === 'set') return OpCode.setData;
  return op === 'delete' ? OpCode.delete : OpCode.check;
}

/** A copy: the frame's buffer is used again. */
function bytesOf(body: JuteReader): Buffer {
  return Buffer.from(body.buffer() ?? []);
}
