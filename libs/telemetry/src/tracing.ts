import { FlashmeshError, messageOf } from '@flashmesh/core';
import {
  type Attributes,
  context,
  type Context,
  type Link,
  type Span,
  type SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { attr } from './attributes.ts';

/** What a span is made of, beside its name. */
export interface SpanOptions {
  /** @default SpanKind.INTERNAL */
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** The context to be a child of. @default the active context */
  readonly parent?: Context;
  /** Spans of other traces that led here, e.g. the messages of a batch. */
  readonly links?: Link[];
}

const SCOPE = 'flashmesh';
let tracer: Tracer = trace.getTracer(SCOPE);

/** @internal Takes the tracer of the provider that is registered now: called when telemetry starts and stops. */
export function renewTracer(): void {
  tracer = trace.getTracer(SCOPE);
}

/**
 * Starts a span that the caller ends. It is not active: see {@link runInSpan}.
 *
 * Before `startTelemetry` it is a span without an id that records nothing.
 */
export function startSpan(name: string, options: SpanOptions = {}): Span {
  const { kind, attributes, links } = options;
  return tracer.startSpan(name, { kind, attributes, links }, options.parent ?? context.active());
}

/** Runs `fn` with `span` active, also through everything that `fn` awaits. Does not end the span. */
export function runInSpan<T>(span: Span, fn: () => T): T {
  return context.with(trace.setSpan(context.active(), span), fn);
}

/**
 * Runs `run` inside a new span: active meanwhile, ended afterwards. What `run` throws is recorded on the span and thrown on.
 *
 * With `parent`, everything else that the parent context carries is active too, in place of the caller's.
 */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  run: (span: Span) => Promise<T>,
): Promise<T> {
  const parent = options.parent ?? context.active();
  const span = startSpan(name, options);
  try {
    return await context.with(trace.setSpan(parent, span), run, undefined, span);
  } catch (error) {
    recordError(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/**
 * Marks a span as failed. The stack is kept only for errors that nobody threw on purpose: a {@link FlashmeshError} is an
 * answer, its code says all, and a refused rush would otherwise be mostly stacks.
 */
export function recordError(span: Span, error: unknown): void {
  if (!span.isRecording()) return;
  const known = error instanceof FlashmeshError;
  const type = known ? error.code : error instanceof Error ? error.name : typeof error;
  span.setAttribute(attr.errorType, type);
  span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
  if (!known) span.recordException(error instanceof Error ? error : messageOf(error));
}
