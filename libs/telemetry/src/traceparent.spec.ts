import { INVALID_SPAN_CONTEXT, ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api';
import { contextFromTraceparent, traceparentOf, traceparentOfSpan } from './traceparent.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

describe('traceparent', () => {
  it.each(['00', '01'])('comes back as it was, with flags %s', (flags) => {
    const header = `00-${traceId}-${spanId}-${flags}`;
    expect(traceparentOf(contextFromTraceparent(header))).toBe(header);
    expect(traceparentOfSpan(trace.getSpan(contextFromTraceparent(header)) as Span)).toBe(header);
    expect(trace.getSpanContext(contextFromTraceparent(header))).toMatchObject({
      traceId,
      spanId,
      isRemote: true,
    });
  });

  it('reads a later version with more fields, and flags it does not know', () => {
    expect(traceparentOf(contextFromTraceparent(`01-${traceId}-${spanId}-03-more`))).toBe(
      `00-${traceId}-${spanId}-01`,
    );
  });

  it.each([
    [undefined],
    [''],
    ['nonsense'],
    [`ff-${traceId}-${spanId}-01`],
    [`00-${traceId}-${spanId}-01-more`],
    [`00-${traceId.toUpperCase()}-${spanId}-01`],
    [`00-${'0'.repeat(32)}-${spanId}-01`],
    [`00-${traceId}-${'0'.repeat(16)}-01`],
    [`00-${traceId}-${spanId}`],
  ])('takes %j for no parent', (header) => {
    expect(contextFromTraceparent(header)).toBe(ROOT_CONTEXT);
    expect(traceparentOf(contextFromTraceparent(header))).toBeUndefined();
  });

  it('is none of a span without an id', () => {
    expect(traceparentOfSpan(trace.wrapSpanContext(INVALID_SPAN_CONTEXT))).toBeUndefined();
  });
});
