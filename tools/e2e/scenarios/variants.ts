import { type Profile, Releases } from '../releases.ts';
import { nothingRefused, tracedOrder } from './one-of-each.ts';
import type { Scenario } from './scenario.ts';

/** Another way to run everything: installs, tests, sells, and goes again. */
export function variant(...profiles: readonly Profile[]): Scenario {
  const profile = profiles.join(' and ');
  return async (checks, admin, deployer) => {
    const releases = new Releases(deployer, ...profiles);
    const installed = await checks.check(`${profile}: installed, every pod ready`, () => releases.install());
    if (!installed) return;
    await checks.check(`${profile}: helm test of every chart`, () => releases.test());
    await checks.check(`${profile}: an order and its trace`, () => tracedOrder(deployer));
    await checks.check(`${profile}: the smoke test of tools/deploy`, () => deployer.script('smoke.sh'));
    await checks.check(`${profile}: Pod Security restricted refused nothing`, () => nothingRefused(admin));
    await checks.check(`${profile}: uninstalled`, () => releases.uninstall());
  };
}
