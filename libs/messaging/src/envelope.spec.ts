import { event } from '@flashmesh/contracts';
import { decodeEvent, encodeHeaders } from './envelope.ts';
import { testEvent, testTopic } from './spec-support.ts';

const topic = testTopic();
const time = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function record(headers: Record<string, string> = {}, value: Buffer | null = encoded()) {
  const good = encodeHeaders({ id: 'a/1', type: topic.type, source: '/s', time, traceparent });
  return { offset: 7, key: Buffer.from('k'), value, headers: { ...good, ...headers }, timestamp: 42 };
}

function encoded(): Buffer {
  return Buffer.from(event.Event.encode(testEvent('a/1')).finish());
}

describe('envelope', () => {
  it('brings an event back as it was', () => {
    expect(decodeEvent(topic, 3, record())).toEqual({
      topic: topic.name,
      partition: 3,
      offset: 7,
      key: 'k',
      id: 'a/1',
      type: topic.type,
      source: '/s',
      time,
      data: testEvent('a/1'),
      traceparent,
      headers: record().headers,
    });
  });

  it('uses the names of the CloudEvents binding', () => {
    expect(encodeHeaders({ id: 'i', type: 't', source: '/s', time: 0 })).toEqual({
      ce_specversion: '1.0',
      ce_id: 'i',
      ce_type: 't',
      ce_source: '/s',
      ce_time: '1970-01-01T00:00:00.000Z',
      'content-type': 'application/protobuf',
    });
  });

  it.each([
    ['no id', { ce_id: '' }, undefined],
    ['another type', { ce_type: 'other.Type' }, undefined],
    ['no value', {}, null],
    ['a value that is no such message', {}, Buffer.from([0x0a, 0xff, 0xff])],
  ])('refuses a record with %s', (_, headers, value) => {
    expect(() => decodeEvent(topic, 0, record(headers, value))).toThrow(
      expect.objectContaining({ code: 'UNDECODABLE', kind: 'invalid_argument' }),
    );
  });

  it.each(['', 'yesterday'])('takes the time of the log for the time "%s"', (bad) => {
    expect(decodeEvent(topic, 0, record({ ce_time: bad })).time).toBe(42);
  });

  it.each(['', 'nonsense', '00-xyz-1-01', `${traceparent}\n`])(
    'takes the traceparent "%s" for none',
    (bad) => {
      expect(decodeEvent(topic, 0, record({ traceparent: bad })).traceparent).toBeUndefined();
    },
  );

  it('takes an absent key for an empty one', () => {
    expect(decodeEvent(topic, 0, { ...record(), key: null }).key).toBe('');
  });
});
