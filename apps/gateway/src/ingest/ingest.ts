import { randomUUID } from 'node:crypto';
import type { event, Topic } from '@flashmesh/contracts';
import { type Clock, FlashmeshError, partitionOf, SingleFlight, sleep, unavailable } from '@flashmesh/core';
import { type EventProducer, type KafkaConnection, readLog } from '@flashmesh/messaging';
import type { Logger } from '@flashmesh/telemetry';
import { checkEvent } from './event-rules.ts';
import type { EventMarks } from './event-marks.ts';

/** After so long without word, whoever began to append an event is taken for dead; longer than any append takes. */
const PENDING_MS = 15_000;
/** How long a call waits for another one that appends the same event. */
const WAIT_MS = 1500;
const WAIT_STEP_MS = 50;
const REBUILD_TTL_MS = 120_000;

/** What {@link Ingest} works with. */
export interface IngestOptions {
  readonly topic: Topic<event.Event>;
  readonly marks: EventMarks;
  readonly kafka: KafkaConnection;
  readonly producer: EventProducer;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * Appends events of outside systems to the log, once per event id.
 *
 * Before an event is appended its id is marked as pending, and as appended when the log has it. A pending mark whose owner
 * went silent says nothing, so the log is asked; marks that are gone altogether are rebuilt from the log. An append that was
 * cut off in the very moment in which Redis was emptied may still be repeated; readers count the first record with an id.
 */
export class Ingest {
  private readonly options: IngestOptions;
  private readonly receiving = new SingleFlight<string, event.Reply>();
  private readonly rebuilding = new SingleFlight<'view', void>();

  constructor(options: IngestOptions) {
    this.options = options;
  }

  /**
   * Answers when the event is durable.
   *
   * @throws FlashmeshError `invalid_argument` naming the field, or `unavailable` when nothing is known: send it again.
   */
  async receive(received: event.Event): Promise<event.Reply> {
    const checked = checkEvent(received, this.options.clock.now());
    let first = false;
    const reply = await this.receiving.run(checked.id, () => {
      first = true;
      return this.append(checked);
    });
    // Whoever came while the first call was under way sent a duplicate.
    return first ? reply : { ...reply, duplicate: true };
  }

  private async append(received: event.Event): Promise<event.Reply> {
    const { marks, clock } = this.options;
    const deadline = clock.monotonic() + WAIT_MS;
    for (;;) {
      const mark = await marks.claim(received.id, received.key, clock.now());
      switch (mark.kind) {
        case 'appended':
          return { id: received.id, duplicate: true };
        case 'claimed':
          return this.publish(received);
        case 'no-view':
          await this.rebuilding.run('view', () => this.rebuild());
          break;
        case 'pending':
          if (clock.now() - mark.since >= PENDING_MS) {
            if (await marks.takeOver(received.id, mark.text, received.key, clock.now())) {
              return this.resolve(received, mark.key);
            }
          } else if (clock.monotonic() >= deadline) {
            throw unavailable('EVENT_PENDING', 'the event is being appended by another call', {
              retryAfterMs: 1000,
            });
          } else await sleep(WAIT_STEP_MS, undefined, clock);
          break;
      }
    }
  }

  private async publish(received: event.Event): Promise<event.Reply> {
    const { topic, producer, marks } = this.options;
    const { id, key, time } = received;
    await producer.publish(topic, { key, id, data: received, time: time?.getTime() });
    await marks.confirm([id]);
    return { id, duplicate: false };
  }

  /** Somebody began to append this event under that key and vanished: the log knows how far it got. */
  private async resolve(received: event.Event, key: string): Promise<event.Reply> {
    const { topic, kafka, marks, logger } = this.options;
    const partition = partitionOf(key, await kafka.partitionsOf(topic.name));
    let found = false;
    await readLog(kafka, topic, { partition }, (events) => {
      found ||= events.some(({ id }) => id === received.id);
    });
    logger.info({ eventId: received.id, found }, 'an append that nobody finished was looked up in the log');
    if (!found) return this.publish(received);
    await marks.confirm([received.id]);
    return { id: received.id, duplicate: true };
  }

  private async rebuild(): Promise<void> {
    const { topic, kafka, marks, logger } = this.options;
    const token = randomUUID();
    if (!(await marks.beginRebuild(token, REBUILD_TTL_MS))) {
      throw unavailable('REBUILDING', 'the events are being counted again from the log');
    }
    let events = 0;
    await readLog(kafka, topic, {}, async (batch) => {
      events += batch.length;
      await marks.confirm(batch.map(({ id }) => id));
    });
    if (!(await marks.finishRebuild(token))) {
      throw new FlashmeshError('unavailable', 'REBUILDING', 'the view was lost again while it was rebuilt');
    }
    logger.info({ events }, 'the ids of ingested events were rebuilt from the log');
  }
}
