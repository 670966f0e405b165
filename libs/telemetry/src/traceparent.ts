import {
  context as contexts,
  type Context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  trace,
} from '@opentelemetry/api';

/** Version 00 in full; of a later version, the part that stays the same (W3C Trace Context, 3.2). */
const TRACEPARENT = /^(?!ff)([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/**
 * The W3C `traceparent` of a context's span, to be sent beside a message.
 *
 * @param context @default the active context
 * @returns undefined when the context holds no valid span
 */
export function traceparentOf(context: Context = contexts.active()): string | undefined {
  const span = trace.getSpan(context);
  return span && traceparentOfSpan(span);
}

/**
 * The W3C `traceparent` of a span, without a context made only to look it up: that is a copy of the context's map each time.
 *
 * @returns undefined when the span has no valid id, e.g. before telemetry was started
 */
export function traceparentOfSpan(of: Span): string | undefined {
  const span = of.spanContext();
  if (!isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & 1) === 1 ? '01' : '00'}`;
}

/**
 * A context whose span is the remote one that `traceparent` names, for use as a parent. An absent or malformed value gives
 * the empty context, as the standard asks: a bad header starts a new trace and is never an error.
 */
export function contextFromTraceparent(traceparent: string | undefined): Context {
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  if (!match) return ROOT_CONTEXT;
  const [, version, traceId, spanId, flags, rest] = match;
  if (version === '00' && rest !== undefined) return ROOT_CONTEXT;
  const span = {
    traceId: traceId as string,
    spanId: spanId as string,
    traceFlags: Number.parseInt(flags as string, 16) & 1,
    isRemote: true,
  };
  return isSpanContextValid(span) ? trace.setSpanContext(ROOT_CONTEXT, span) : ROOT_CONTEXT;
}
