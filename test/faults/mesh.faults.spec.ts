import { MeshStage } from '../mesh/support/mesh-stage.ts';
import { survivesOutage } from '../mesh/support/outage.ts';
import { Ensemble } from './support/ensemble.ts';
import { SESSION_MS } from './support/stage.ts';

const NAME = 'the whole ensemble goes away, with real replicas under load';
const { FAULTS, FAULT = '' } = process.env;
/** `npm test` runs the same against one server (test/mesh), so it has no share of this. */
const chosen = FAULTS !== 'some' && NAME.includes(FAULT) ? describe : describe.skip;
const OUTAGE_MS = 60_000;
const PATIENCE_MS = 600_000;

chosen(NAME, () => {
  const ensemble = new Ensemble();
  let stage: MeshStage;

  beforeAll(async () => {
    await ensemble.whole();
    stage = await MeshStage.open({
      servers: ensemble.servers,
      sessionMs: SESSION_MS,
      program: 'replica.ts',
      env: { DELAY_MS: '20' },
    });
  }, PATIENCE_MS);

  afterAll(async () => {
    const away = (await ensemble.members()).filter(({ mode }) => mode === 'away');
    await Promise.all(away.map(({ name }) => ensemble.restart(name)));
    await stage?.close();
  }, PATIENCE_MS);

  it(
    'no call fails but those under way to a replica that is killed meanwhile, if they may not be repeated',
    async () => {
      const names = (await ensemble.members()).map(({ name }) => name);
      const all = (deed: (name: string) => Promise<void>) => async () => {
        await Promise.all(names.map(deed));
      };
      const naming = {
        down: all((name) => ensemble.kill(name)),
        up: all((name) => ensemble.restart(name)),
      };
      await survivesOutage(stage, naming, OUTAGE_MS);
    },
    PATIENCE_MS,
  );
});
