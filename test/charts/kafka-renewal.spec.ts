import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { find, type Manifest, render } from './support.ts';

const renewed = ['ci/cert-manager-values.yaml', 'ci/existing-values.yaml'];
const config = (objects: Manifest[], name = 'kafka'): Record<string, string> =>
  find(objects, 'ConfigMap', name).data;

describe('Kafka and a renewed certificate', () => {
  it.each(renewed)('is looked for beside every server, with the pods taking turns (%s)', (file) => {
    const values = { security: { renewalGapSeconds: 60 }, controllers: 'separate' };
    const objects = render('kafka', { valuesFiles: [file], values });
    for (const name of ['kafka', 'kafka-controller']) {
      const { 'start.sh': start, 'renew.sh': renew } = config(objects, name);
      expect(start).toMatch(/\n *bash \/config\/renew\.sh 60 &\n[^]*\nexec /);
      expect(renew).toContain('kill -TERM $PPID');
    }
  });

  it('is not looked for where it never comes', () => {
    for (const mode of ['off', 'self-signed']) {
      const data = config(render('kafka', { values: { security: { mode } } }));
      expect(data['start.sh']).not.toContain('renew.sh');
      expect(data).not.toHaveProperty(['renew.sh']);
    }
  });

  describe('renew.sh', () => {
    let root: string;
    const at = (path: string) => join(root, path);

    beforeEach(() => {
      root = mkdtempSync(join(tmpdir(), 'flashmesh-renew-'));
      for (const folder of ['tls', 'tmp', 'config', 'bin']) mkdirSync(at(folder));
      issue('/CN=kafka');
      writeFileSync(at('tmp/keystore.pem'), `${read('tls/tls.key')}${read('tls/tls.crt')}`);
      const script = config(render('kafka', { valuesFiles: ['ci/existing-values.yaml'] }))['renew.sh'] ?? '';
      writeFileSync(
        at('config/renew.sh'),
        script.replaceAll(/(?<!\w)\/(?:tls|tmp|config)\b/g, (folder) => root + folder),
      );
      // Instead of time passing, each pause is written down; after some of them the script ends.
      writeFileSync(
        at('bin/sleep'),
        `#!/bin/sh\necho "sleep $1" >>${at('log')}\n[ "$(wc -l <${at('log')})" -lt 6 ]\n`,
        { mode: 0o755 },
      );
      writeFileSync(at('log'), '');
    });
    afterEach(() => rmSync(root, { recursive: true, force: true }));

    const read = (path: string) => readFileSync(at(path), 'utf8');

    /** A new key and certificate, as the Secret would have them. */
    function issue(subject: string) {
      const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      execFileSync(
        'openssl',
        [...args, '-subj', subject, '-keyout', at('tls/tls.key'), '-out', at('tls/tls.crt')],
        {
          stdio: 'ignore',
        },
      );
    }

    /** Runs it as pod 2, below a process that stands for the server. */
    async function run() {
      const server = spawn(
        'bash',
        [
          '-c',
          `trap 'echo stopped >>${at('log')}; exit' TERM; bash ${at('config/renew.sh')} 300 & wait $!; exit 1`,
        ],
        {
          stdio: ['ignore', 'ignore', 'pipe'],
          env: { PATH: `${at('bin')}:${process.env['PATH']}`, HOSTNAME: 'kafka-2' },
        },
      );
      let said = '';
      server.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      await once(server, 'close');
      return { said, log: read('log').trim().split('\n') };
    }

    it('leaves a server alone whose certificate is the mounted one', async () => {
      const { said, log } = await run();
      expect(said).toBe('');
      expect(new Set(log)).toEqual(new Set(['sleep 30']));
      expect(log.length).toBeGreaterThan(1);
    });

    it('ends the server when there is another, in the turn of its pod, and only when all is in sync', async () => {
      writeFileSync(
        at('config/in-sync.sh'),
        `echo "in sync? $1" >>${at('log')}; [ -e ${at('asked')} ] && exit 0; touch ${at('asked')}; exit $1\n`,
      );
      issue('/CN=kafka');
      const { log } = await run();
      expect(log).toEqual(['sleep 30', 'sleep 600', 'in sync? 1', 'in sync? 1', 'stopped']);
    });

    it.each([
      ['with a subject that nobody knows', () => issue('/CN=someone-else')],
      [
        'whose key is another',
        () => {
          const key = read('tls/tls.key');
          issue('/CN=kafka');
          writeFileSync(at('tls/tls.key'), key);
        },
      ],
      ['that is none', () => writeFileSync(at('tls/tls.crt'), 'nothing\n')],
    ])('keeps the server running with the old one rather than take one %s', async (_, renew) => {
      renew();
      const { said, log } = await run();
      expect(said.match(/the old one stays in use/g)).toHaveLength(1);
      expect(new Set(log)).toEqual(new Set(['sleep 30']));
    });
  });

  it('in-sync.sh gives up with the code that it is given: the restart waits on, a stop by the kubelet is not refused', () => {
    const script = (inSyncWaitSeconds: number) =>
      config(render('kafka', { values: { replicas: 3, inSyncWaitSeconds } }))['in-sync.sh'];
    const behind = `timeout() { echo behind; }\n${script(1)}`;
    const statusOf = (...args: string[]) => spawnSync('bash', ['-c', behind, 'in-sync.sh', ...args]).status;
    expect([statusOf('1'), statusOf()]).toEqual([1, 0]);
    // Where nothing is waited for there is no script: renew.sh would ask it for ever.
    expect(script(0)).toBeUndefined();
  });
});
