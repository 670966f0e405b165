import type { Logger } from '@flashmesh/telemetry';
import { ShutdownStack } from './shutdown.ts';

describe('ShutdownStack', () => {
  it('undoes in reverse order, goes on after a failure or a hang, and runs once', async () => {
    const done: string[] = [];
    const warnings: string[] = [];
    const logger = { warn: (entry: { step: string }) => warnings.push(entry.step) } as unknown as Logger;
    const stack = new ShutdownStack(logger, 20);
    stack.push('first', () => done.push('first'));
    stack.push('hangs', () => new Promise(() => undefined));
    stack.push('fails', () => Promise.reject(new Error('no')));
    stack.push('last', () => done.push('last'));
    const keepAlive = setTimeout(() => undefined, 1000);
    await Promise.all([stack.run(), stack.run()]);
    clearTimeout(keepAlive);
    expect(done).toEqual(['last', 'first']);
    expect(warnings).toEqual(['fails', 'hangs']);
  });
});
