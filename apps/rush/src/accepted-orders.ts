import { createWriteStream, type WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { FlashmeshError } from '@flashmesh/core';

/** An order that the gateway answered with 202: one line of JSON in a file, for the verifier. */
export interface AcceptedOrder {
  readonly id: string;
  readonly buyerId: string;
  readonly token: string;
  /** When the answer came, milliseconds since the epoch. */
  readonly time: number;
}

/** Writes accepted orders to a file, one a line. */
export class AcceptedOrdersWriter {
  private readonly stream: WriteStream;
  private failure: Error | undefined;

  constructor(path: string) {
    this.stream = createWriteStream(path, { mode: 0o600 });
    this.stream.on('error', (error) => {
      this.failure = error;
    });
  }

  write(order: AcceptedOrder): void {
    this.stream.write(`${JSON.stringify(order)}\n`);
  }

  /** Resolves when everything is in the file; rejects when it is not. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.stream.end(() => resolve()));
    if (this.failure) throw this.failure;
  }
}

/** @throws FlashmeshError `invalid_argument` naming the line that is no accepted order, or what reading throws. */
export async function readAcceptedOrders(path: string): Promise<AcceptedOrder[]> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  return lines.flatMap((line, index) => {
    if (line === '') return [];
    const order = parse(line);
    if (!order) {
      throw new FlashmeshError(
        'invalid_argument',
        'NO_ACCEPTED_ORDER',
        `${path}:${index + 1} is no accepted order`,
      );
    }
    return [order];
  });
}

function parse(line: string): AcceptedOrder | undefined {
  try {
    const value = JSON.parse(line) as Partial<AcceptedOrder> | null;
    if (typeof value?.id !== 'string' || typeof value.token !== 'string') return undefined;
    return value as AcceptedOrder;
  } catch {
    return undefined;
  }
}
