import { type payment, topics } from '@flashmesh/contracts';
import { EventProducer, KafkaConnection, readLog } from '@flashmesh/messaging';
import { Injectable } from '@nestjs/common';
import type { Charge } from './domain/charge.ts';
import { entriesOf } from './domain/ledger.ts';

/** The ledger: the truth about money. */
@Injectable()
export class LedgerLog {
  private readonly inFlight = new Set<Promise<unknown>>();
  private readonly connection: KafkaConnection;
  private readonly producer: EventProducer;

  constructor(connection: KafkaConnection, producer: EventProducer) {
    this.connection = connection;
    this.producer = producer;
  }

  /** Appends the entries that tell the charge's state, in order; resolves when the brokers have them. */
  async append(charge: Charge, reason?: string): Promise<void> {
    for (const { id, entry } of entriesOf(charge, reason)) {
      await this.producer.publish(topics.ledger, { key: charge.orderId, id, data: entry });
    }
  }

  /** Runs work that decides and appends, known to {@link drain} from before its decision to after its append. */
  async track<T>(work: () => Promise<T>): Promise<T> {
    const running = work();
    this.inFlight.add(running);
    try {
      return await running;
    } finally {
      this.inFlight.delete(running);
    }
  }

  /** Waits until everything that is being appended by this process now has reached the ledger, or failed to. */
  async drain(): Promise<void> {
    await Promise.allSettled(this.inFlight);
  }

  /** Reads every entry from the beginning to the end as of the call, in order for each order. */
  async read(onEntries: (entries: payment.LedgerEntry[]) => Promise<void>): Promise<void> {
    await readLog(this.connection, topics.ledger, {}, (events) => onEntries(events.map(({ data }) => data)));
  }
}
