import { requirePath } from './paths.ts';

describe('requirePath', () => {
  it.each(['/', '/a', '/a/b', '/a/.b', '/a/..b', '/a/b.', '/a/b..', '/a/...', '/größe/漢字', '/a b'])(
    'takes %j',
    (path) => {
      expect(requirePath(path)).toBe(path);
    },
  );

  it.each([
    ['', 'a path starts with /'],
    ['a', 'a path starts with /'],
    ['/a/', 'a path does not end with /'],
    ['//', 'a path does not end with /'],
    ['//a', 'a path has no empty part'],
    ['/a//b', 'a path has no empty part'],
    ['/.', 'a path has no relative part'],
    ['/..', 'a path has no relative part'],
    ['/./a', 'a path has no relative part'],
    ['/a/../b', 'a path has no relative part'],
    ['/a/..', 'a path has no relative part'],
    ['/a\0', 'a path has only printable characters'],
    ['/\ud800', 'a path has only printable characters'],
  ])('refuses %j: %s', (path, fault) => {
    expect(() => requirePath(path)).toThrow(
      expect.objectContaining({
        code: 'ZK_BAD_ARGUMENTS',
        message: expect.stringContaining(fault) as string,
      }),
    );
  });
});
