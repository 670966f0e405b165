import { FlashmeshError, invalidArgument, unavailable } from '@flashmesh/core';
import { NotFoundException } from '@nestjs/common';
import { problemOf } from './problem.ts';

describe('problemOf', () => {
  it('names the field and the rule', () => {
    expect(problemOf(invalidArgument('quantity', 'must be 1 or more'), 'abc')).toEqual({
      problem: {
        type: 'urn:flashmesh:problem:invalid-argument',
        title: 'Bad Request',
        status: 400,
        code: 'INVALID_ARGUMENT',
        detail: 'quantity must be 1 or more',
        field: 'quantity',
        traceId: 'abc',
      },
      retryAfterMs: undefined,
    });
  });

  it.each([
    ['unauthenticated', 'X', 401],
    ['permission_denied', 'X', 403],
    ['not_found', 'X', 404],
    ['failed_precondition', 'SOLD_OUT', 409],
    ['failed_precondition', 'IDEMPOTENCY_KEY_REUSED', 422],
    ['resource_exhausted', 'X', 429],
    ['internal', 'X', 500],
    ['unavailable', 'X', 503],
    ['deadline_exceeded', 'X', 504],
  ] as const)('%s %s is %i', (kind, code, status) => {
    expect(problemOf(new FlashmeshError(kind, code, 'no')).problem).toMatchObject({ status, code });
  });

  it('says when to come back', () => {
    expect(problemOf(unavailable('DOWN', 'no')).retryAfterMs).toBe(500);
    expect(problemOf(new FlashmeshError('resource_exhausted', 'BUSY', 'no')).retryAfterMs).toBe(1000);
  });

  it.each([
    [{ statusCode: 413, code: 'FST_ERR_CTP_BODY_TOO_LARGE' }, 413, 'BODY_TOO_LARGE', 'body'],
    [
      { statusCode: 415, code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      'Content-Type',
    ],
    [{ statusCode: 400, code: 'FST_ERR_CTP_EMPTY_JSON_BODY' }, 400, 'MALFORMED_JSON', 'body'],
    [{ statusCode: 414 }, 414, 'URI_TOO_LONG', undefined],
  ])('knows what the server refuses: %j', (marks, status, code, field) => {
    const answer = problemOf(Object.assign(new Error('x'), marks)).problem;
    expect(answer).toMatchObject({ status, code });
    expect(answer.field).toBe(field);
  });

  it('knows unknown routes and broken JSON', () => {
    expect(problemOf(new NotFoundException()).problem).toMatchObject({
      status: 404,
      code: 'ROUTE_NOT_FOUND',
    });
    const broken = Object.assign(new SyntaxError('Unexpected end'), { statusCode: 400 });
    expect(problemOf(broken).problem).toMatchObject({ status: 400, code: 'MALFORMED_JSON', field: 'body' });
  });

  it('tells nothing about an error that nobody foresaw', () => {
    for (const error of [new Error('password is 1234'), 'text', undefined]) {
      expect(problemOf(error).problem).toMatchObject({
        status: 500,
        code: 'INTERNAL',
        detail: 'something went wrong on our side',
      });
    }
  });
});
