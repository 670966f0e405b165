import 'reflect-metadata';
import { FlashmeshError, unavailable } from '@flashmesh/core';
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Injectable,
  Module,
  type NestInterceptor,
  type PipeTransform,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { catchError, type Observable, tap, throwError } from 'rxjs';
import type { IncomingEvent } from './envelope.ts';
import { EventContext } from './kafka-server.ts';
import { OnEvent } from './on-event.ts';
import { eventually, Stack, testTopic, type TestEvent } from './spec-support.ts';

const single = testTopic();
const batched = testTopic();
const log: string[] = [];
const seenErrors: unknown[] = [];

@Injectable()
class Guard implements CanActivate {
  private refusals = 2;

  canActivate(): boolean {
    if (this.refusals-- > 0) throw unavailable('NOT_YET', 'not yet', { retryAfterMs: 1 });
    return true;
  }
}

@Injectable()
class Watch implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      tap(() => log.push('interceptor')),
      catchError((error: unknown) => {
        seenErrors.push(error);
        return throwError(() => error);
      }),
    );
  }
}

@Injectable()
class Mark implements PipeTransform {
  transform(value: unknown): unknown {
    if (value instanceof EventContext) return value;
    return { ...(value as object), marked: true };
  }
}

@Controller()
class EventsController {
  @UseGuards(new Guard())
  @UseInterceptors(new Watch())
  @UsePipes(new Mark())
  @OnEvent(single)
  one(@Payload() event: IncomingEvent<TestEvent> & { marked?: boolean }, @Ctx() context: EventContext): void {
    if (event.id === 'poison') throw new FlashmeshError('failed_precondition', 'NOT_ALLOWED', 'by rule');
    log.push(`${event.id} marked=${event.marked} events=${context.events.length}`);
  }

  @OnEvent(batched, { batch: 10 })
  many(events: IncomingEvent<TestEvent>[]): Promise<void> {
    log.push(`batch of ${events.length}`);
    return Promise.resolve();
  }
}

@Module({ controllers: [EventsController] })
class EventsModule {}

it('runs Nest handlers with their guards, pipes and interceptors, and sees their errors as thrown', async () => {
  const stack = new Stack();
  try {
    await stack.connection.ensureTopics(
      [single, batched].map(({ name }) => ({ name, partitions: 1, config: {} })),
    );
    const group = `g-${single.name}`;
    const strategy = stack.server([single, batched], { group, retry: { initialDelayMs: 5 } });
    const app = await NestFactory.createMicroservice(EventsModule, { strategy, logger: false });
    for (const id of ['a', 'poison', 'b']) await stack.publish(single, 'k', id);
    for (const id of ['x', 'y', 'z']) await stack.publish(batched, 'k', id);
    await app.listen();
    await eventually(() => log.some((line) => line.startsWith('b ')) && log.includes('batch of 3'));
    expect(log.filter((line) => !line.startsWith('batch'))).toEqual([
      'a marked=true events=1',
      'interceptor',
      'b marked=true events=1',
      'interceptor',
    ]);
    expect(seenErrors).toHaveLength(3);
    const ranges = await stack.connection.reader.ranges(`${single.name}.${group}.dlq`);
    const errors: (string | undefined)[] = [];
    await stack.connection.reader.read(`${single.name}.${group}.dlq`, ranges, (_, records) => {
      errors.push(...records.map(({ headers }) => headers['dlq_error']));
    });
    expect(errors).toEqual(['NOT_ALLOWED: by rule']);
    await app.close();
    expect(strategy.healthy).toBe(false);
  } finally {
    await stack.close();
  }
});
