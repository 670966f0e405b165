import { settings } from './settings.ts';

describe('the settings of the services', () => {
  it.each([
    ['gateway', { maxWaitMs: 250, maxInFlight: 1 }],
    ['order', {}],
    ['inventory', { maxWaitMs: 1_000_000 }],
    ['payment', { providerLatencyMs: 0, providerErrorShare: 1 }],
  ] as const)('%s takes %j', (service, document) => {
    expect(settings[service].parse(document)).toEqual(document);
  });

  it.each([
    ['gateway', { maxWaitMs: 0 }, ['maxWaitMs'], 'must be 1 or more'],
    ['gateway', { maxWaiting: 1_000_001 }, ['maxWaiting'], 'must be at most 1000000'],
    ['order', { maxOpen: '9' }, ['maxOpen'], 'must be a whole number'],
    ['order', { maxOpen: null }, ['maxOpen'], 'must be a whole number'],
    ['inventory', { maxWaitMs: 0.5 }, ['maxWaitMs'], 'must be a whole number'],
    ['payment', { providerDeclineShare: 1.1 }, ['providerDeclineShare'], 'must be at most 1'],
    ['payment', [], [], 'must be a JSON object'],
    ['payment', 'text', [], 'must be a JSON object'],
  ] as const)('%s refuses %j', (service, document, path, message) => {
    expect(settings[service].safeParse(document).error?.issues).toMatchObject([{ path, message }]);
  });

  it('knows no other fields', () => {
    const { error } = settings.order.safeParse({ maxOpen: 1, maxopen: 1 });
    expect(error?.issues).toMatchObject([{ keys: ['maxopen'] }]);
  });
});
