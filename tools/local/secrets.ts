import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the gateway is given; named as its environment variables. */
export interface Secrets {
  readonly ADMIN_TOKEN: string;
  readonly TOKEN_SECRET: string;
}

/** Kept with the data, so that a buyer's token outlives a restart; ADMIN_TOKEN and TOKEN_SECRET of the environment win. */
export async function readSecrets(folder: string): Promise<Secrets> {
  const file = join(folder, 'secrets.json');
  const known = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Secrets) : undefined;
  const secrets = known ?? { ADMIN_TOKEN: randomToken(18), TOKEN_SECRET: randomToken(32) };
  if (!known) await writeFile(file, JSON.stringify(secrets), { mode: 0o600 });
  return {
    ADMIN_TOKEN: process.env.ADMIN_TOKEN || secrets.ADMIN_TOKEN,
    TOKEN_SECRET: process.env.TOKEN_SECRET || secrets.TOKEN_SECRET,
  };
}

function randomToken(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}
