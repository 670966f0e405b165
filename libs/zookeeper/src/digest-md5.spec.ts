import { DigestMd5 } from './digest-md5.ts';

describe('DigestMd5', () => {
  const challenge =
    'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8';
  const make = (password = 'secret') =>
    new DigestMd5(
      { username: 'chris', password: () => password },
      'imap/elwood.innosoft.com',
      'OA6MHXh6VqTrRk',
    );

  it('answers as the example of RFC 2831 does', () => {
    const digest = make();
    expect(digest.respond(challenge)).toContain('response=d388dad90d4bbd760a152321f2143af7');
    expect(() => digest.verify('rspauth=ea40f60335c427b5527b84dbabcdfffd')).not.toThrow();
    expect(() => digest.verify('rspauth=00')).toThrow('does not know the password');
  });

  it('quotes names', () => {
    const digest = new DigestMd5({ username: 'a"b\\c', password: () => 'x' }, 'zookeeper/zk-sasl-md5');
    expect(digest.respond(challenge)).toContain(String.raw`username="a\"b\\c"`);
  });

  it.each(['realm="x"', 'nonce="x",qop="auth-conf"', 'nonce="x",algorithm=md5'])('refuses %s', (other) => {
    expect(() => make().respond(other)).toThrow('not DIGEST-MD5');
  });
});
