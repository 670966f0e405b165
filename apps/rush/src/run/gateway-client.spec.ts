import { answerOf } from './gateway-client.ts';

describe('answerOf', () => {
  it.each([
    [202, '{"id":"ord_1"}', { outcome: 'accepted', orderId: 'ord_1' }],
    [409, '{"code":"SOLD_OUT"}', { outcome: 'soldOut' }],
    [409, '{"code":"SALE_NOT_OPEN"}', { outcome: 'refused' }],
    [429, '', { outcome: 'tooManyRequests' }],
    [503, '', { outcome: 'unavailable' }],
    [504, '', { outcome: 'unavailable' }],
    [401, '', { outcome: 'refused' }],
    [500, '', { outcome: 'failed' }],
  ])('%i %s', (status, text, expected) => {
    expect(answerOf(status, text)).toMatchObject(expected);
  });
});
