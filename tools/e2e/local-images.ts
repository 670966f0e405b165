import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { root } from '../local/paths.ts';
import { runCommand } from '../local/run-command.ts';

/**
 * Puts every image that the charts name into a cluster that pulls nothing. `tools` is a folder with `cluster build TAG DIR ...` and
 * `images/make infra|base`.
 */
export async function loadImages(tools: string): Promise<void> {
  await must(join(tools, 'images/make'), ['infra'], { WITH_KAFKA_ZK: '1' });
  await must(join(tools, 'images/make'), ['base']);
  const npmrc = join(homedir(), '.npmrc');
  const secret = existsSync(npmrc) ? ['--secret', `id=npmrc,src=${npmrc}`] : [];
  for (const app of readdirSync(join(root, 'apps'))) {
    await must(join(tools, 'cluster'), [
      'build',
      `flashmesh/${app}:0.1.0`,
      root,
      '--build-arg',
      `APP=${app}`,
      ...secret,
    ]);
  }
}

async function must(command: string, args: string[], env: Record<string, string> = {}): Promise<void> {
  const { code, lines } = await runCommand(command, args, { env });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}\n${lines.slice(-30).join('\n')}`);
}
