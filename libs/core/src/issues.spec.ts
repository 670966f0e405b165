import { errorOfIssues } from './issues.ts';

describe('errorOfIssues', () => {
  it.each([
    [[{ message: 'must be 1 or more', path: ['items', 0, 'stock'] }], 'items.0.stock', 'must be 1 or more'],
    [
      [{ message: 'Unrecognized', path: ['items', { key: 0 }], keys: ['colour'] }],
      'items.0.colour',
      'is not a known field',
    ],
    [[{ message: 'must be a JSON object', path: [] }], 'body', 'must be a JSON object'],
    [[], 'body', 'is not valid'],
  ])('%j', (issues, field, rule) => {
    expect(errorOfIssues(issues)).toMatchObject({
      kind: 'invalid_argument',
      field,
      message: `${field} ${rule}`,
    });
  });
});
