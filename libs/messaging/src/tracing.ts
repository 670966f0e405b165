// All that messaging does with telemetry is in this file.
import {
  attr,
  type Context,
  context,
  contextFromTraceparent,
  recordError,
  type Span,
  SpanKind,
  startSpan,
  trace,
  traceparentOf,
  traceparentOfSpan,
} from '@flashmesh/telemetry';
import type { IncomingEvent } from './envelope.ts';

/** What a span of a sent or received event needs to know. */
interface Traced {
  readonly topic: string;
  readonly partition: number;
  readonly id: string;
}

/** The most links that a span keeps by OpenTelemetry's default limits. */
const MAX_LINKS = 128;
const contexts = new WeakMap<object, Context>();

/** A `send <topic>` span beneath the active recording span; none where nothing is recorded. */
export function startSend(event: Traced): { traceparent: string | undefined; end(error?: unknown): void } {
  if (!trace.getActiveSpan()?.isRecording()) return { traceparent: traceparentOf(), end: () => {} };
  const span = startSpan(`send ${event.topic}`, {
    kind: SpanKind.PRODUCER,
    attributes: attributesOf(event, 'send'),
  });
  return {
    traceparent: traceparentOfSpan(span),
    end: (error) => endSpan(span, error),
  };
}

/**
 * Runs a handler inside a `process <topic>` span per event, each a child of its event's own trace. The first event's span is
 * the active one and links to the others, see {@link contextOf}.
 */
export async function traceProcessing<T>(
  events: readonly IncomingEvent<T>[],
  run: () => Promise<void>,
): Promise<void> {
  const parents = events.map(({ traceparent }) => contextFromTraceparent(traceparent));
  const spans = events.map((event, index) => {
    const parent = parents[index] as Context;
    const span = startSpan(`process ${event.topic}`, {
      kind: SpanKind.CONSUMER,
      parent,
      attributes: attributesOf(event, 'process'),
      links: index === 0 ? linksTo(parents.slice(1, MAX_LINKS + 1)) : undefined,
    });
    contexts.set(event, trace.setSpan(parent, span));
    return span;
  });
  let failure: unknown;
  try {
    const [first] = events;
    await context.with((first && contexts.get(first)) ?? context.active(), run);
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    for (const span of spans) endSpan(span, failure);
  }
}

/** The trace context of an event that a handler was given: where what the handler does for this event belongs. */
export function contextOf(event: object): Context {
  return contexts.get(event) ?? context.active();
}

function linksTo(
  parents: readonly Context[],
): { context: NonNullable<ReturnType<typeof trace.getSpanContext>> }[] {
  return parents.flatMap((parent) => {
    const spanContext = trace.getSpanContext(parent);
    return spanContext ? [{ context: spanContext }] : [];
  });
}

function attributesOf(event: Traced, operation: 'send' | 'process'): Record<string, string> {
  return {
    [attr.messagingSystem]: 'kafka',
    [attr.messagingOperation]: operation,
    [attr.messagingDestination]: event.topic,
    [attr.messagingPartition]: String(event.partition),
    [attr.messagingMessageId]: event.id,
  };
}

function endSpan(span: Span, error: unknown): void {
  if (error !== undefined) recordError(span, error);
  span.end();
}
