import { describe, expect, it } from '@jest/globals';
import { renderWith } from './cluster-stub.ts';

const certificate = ['tls.crt', 'tls.key', 'ca.crt'];
const apps = ['gateway', 'catalog', 'order', 'inventory', 'payment', 'fulfillment', 'notification'];
const existing = (auth: string) => ({
  security: {
    mode: 'existing',
    tls: { existingSecret: 'mine' },
    ...(auth === '' ? {} : { auth: { existingSecret: auth } }),
  },
});

/** For each chart: values that name Secrets of somebody else's making, and all that these must hold. */
const charts: readonly (readonly [
  chart: string,
  values: object,
  secrets: Record<string, readonly string[]>,
])[] = [
  ['zookeeper', existing('users'), { mine: certificate, users: ['super', 'flashmesh', 'kafka'] }],
  ['kafka', existing('users'), { mine: certificate, users: ['admin', 'flashmesh'] }],
  [
    'redis',
    existing('users'),
    { mine: certificate, users: ['admin', 'flashmesh', 'replica', 'sentinel', 'exporter'] },
  ],
  ['jaeger', existing(''), { mine: certificate }],
  [
    'flashmesh',
    {
      security: { mode: 'existing', tls: { existingSecret: 'my-{app}' } },
      gateway: { existingSecret: 'tokens' },
      redis: { sentinels: 'redis-sentinel:26379', user: 'me' },
    },
    {
      ...Object.fromEntries(apps.map((app) => [`my-${app}`, certificate])),
      tokens: ['ADMIN_TOKEN', 'TOKEN_SECRET'],
      'kafka-tls': ['ca.crt'],
      'kafka-auth': ['flashmesh'],
      'zookeeper-tls': ['ca.crt'],
      'zookeeper-auth': ['flashmesh'],
      'redis-tls': ['ca.crt'],
      'redis-auth': ['me', 'sentinel'],
      'jaeger-tls': ['ca.crt'],
    },
  ],
];

describe.each(charts)('the %s chart and Secrets of others', (chart, values, secrets) => {
  it('is content when all of them are there', async () => {
    expect(await renderWith({ secrets }, chart, values)).toBe('');
  });

  it.each(Object.keys(secrets))('refuses, before it changes anything, that %s is missing', async (name) => {
    const { [name]: _, ...others } = secrets;
    expect(await renderWith({ secrets: others }, chart, values)).toMatch(
      new RegExp(String.raw`[\w.]+Secret: there is no Secret ${name} in the namespace shop \(it needs `),
    );
  });

  it('refuses that a key is missing, any of them', async () => {
    for (const [name, keys] of Object.entries(secrets)) {
      const key = keys.at(-1) as string;
      const less = { ...secrets, [name]: keys.slice(0, -1) };
      expect(await renderWith({ secrets: less }, chart, values)).toContain(
        `Secret ${name} in the namespace shop has no key ${key}`,
      );
    }
  });
});

it('what the charts make themselves need not be there', async () => {
  const values = { security: { mode: 'self-signed' } };
  for (const chart of ['zookeeper', 'kafka', 'redis', 'jaeger']) {
    expect([chart, await renderWith({ secrets: {} }, chart, values)]).toEqual([chart, '']);
  }
});
