import { findJava, javaVersion } from './java.ts';

describe('java', () => {
  it.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_392"', 8],
    ['openjdk version "25-ea" 2025-09-16', 25],
    ['sh: java: not found', undefined],
  ])('reads %s', (line, version) => {
    expect(javaVersion(['Picked up JAVA_TOOL_OPTIONS: -Xmx1g', line])).toBe(version);
  });

  it('says what to do when JAVA_HOME holds no Java', async () => {
    await expect(findJava({ JAVA_HOME: '/nowhere' })).rejects.toMatchObject({
      message: expect.stringContaining('/nowhere'),
      fix: expect.stringContaining('17'),
    });
  });
});
