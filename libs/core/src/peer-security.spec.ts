import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificateFile, passwordFile, privateKeyFile } from './peer-security.ts';

describe('files of secrets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flashmesh-'));
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  afterAll(() => rmSync(folder, { recursive: true }));

  it('takes one newline off a password, and nothing else', () => {
    expect(passwordFile(file('a', ' s3cret \n'))()).toBe(' s3cret ');
    expect(passwordFile(file('b', 's3cret\r\n'))()).toBe('s3cret');
    expect(passwordFile(file('c', 's3cret\n\n'))()).toBe('s3cret\n');
  });

  it('sees a new content, and keeps the last good one while there is none', () => {
    const path = file('renewed', 'one');
    const password = passwordFile(path);
    writeFileSync(path, 'two\n');
    expect(password()).toBe('two');
    writeFileSync(path, '\n');
    expect(password()).toBe('two');
    rmSync(path);
    expect(password()).toBe('two');
  });

  it('names the file that is wrong', () => {
    const missing = join(folder, 'missing');
    expect(() => passwordFile(missing)).toThrow(new RegExp(`^cannot read ${missing}: .*ENOENT`));
    const empty = file('empty', '\n');
    expect(() => passwordFile(empty)).toThrow(`${empty} is empty`);
    const key = file('key', '-----BEGIN PRIVATE KEY-----\n');
    expect(() => certificateFile(key)).toThrow(`${key} holds no PEM certificate`);
    expect(privateKeyFile(key)()).toContain('PRIVATE KEY');
    expect(() => privateKeyFile(empty)).toThrow(`${empty} holds no PEM private key`);
    const sealed = file('sealed', '-----BEGIN ENCRYPTED PRIVATE KEY-----\n');
    expect(() => privateKeyFile(sealed)).toThrow(`${sealed} holds no PEM private key`);
  });
});
