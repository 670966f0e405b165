import { parseDump } from './zookeeper-words.ts';

describe('the answer to dump', () => {
  it('tells whose an ephemeral node is', () => {
    const text = [
      'SessionTracker dump:',
      'Session Sets (1)/(1):',
      '1 expire at Thu Jan 01 03:00:00 UTC 1970:',
      '\t0x1000004a5f80000',
      'ephemeral nodes dump:',
      'Sessions with Ephemerals (2):',
      '0x1000004a5f80000:',
      '\t/services/a/a-1',
      '\t/locks/x',
      '0x1000004a5f80001:',
      '\t/services/a/a-2',
      'Connections dump:',
      'Connections Sets (1)/(1):',
      '',
    ].join('\n');
    expect([...parseDump(text)]).toEqual([
      ['/services/a/a-1', '0x1000004a5f80000'],
      ['/locks/x', '0x1000004a5f80000'],
      ['/services/a/a-2', '0x1000004a5f80001'],
    ]);
  });
});
