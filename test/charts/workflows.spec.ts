import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import type { Manifest } from './support.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, '.github/workflows');
const names = readdirSync(folder);
const text = (name: string) => readFileSync(join(folder, name), 'utf8');
// YAML 1.1 reads the key `on` as true; GitHub does not, and neither does this parser.
const workflow = (name: string): Manifest => parse(text(name));
const jobs = (name: string): [string, Manifest][] => Object.entries(workflow(name).jobs);
const steps = (name: string): Manifest[] => jobs(name).flatMap(([, job]) => job.steps as Manifest[]);
const scripts = (name: string) =>
  steps(name)
    .map(({ run }) => String(run ?? ''))
    .join('\n');

it('there are the three workflows', () => {
  expect(names.sort()).toEqual(['ci.yml', 'deploy.yml', 'release.yml']);
});

describe.each(names)('%s', (name) => {
  it('pins every action by its commit, and says which version that is', () => {
    const lines = text(name)
      .split('\n')
      .filter((line) => /\buses:/.test(line));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(/uses: [\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('grants nothing to all jobs, and to each job what it names, with a reason for every right', () => {
    expect(workflow(name).permissions).toEqual({});
    for (const [, job] of jobs(name)) expect(job.permissions).toBeDefined();
    const grants = text(name)
      .split('\n')
      .filter((line) => /^\s+[\w-]+: (read|write)\b/.test(line));
    for (const line of grants) expect(line).toMatch(/: (read|write) # \w/);
  });

  it('ends every job in time', () => {
    for (const [, job] of jobs(name)) expect(job['timeout-minutes']).toBeGreaterThan(0);
  });

  it('lets no job of a matrix stop the others', () => {
    const matrices = jobs(name).filter(([, job]) => job.strategy);
    for (const [, job] of matrices) expect(job.strategy['fail-fast']).toBe(false);
  });

  it('is run once at a time', () => {
    expect(workflow(name).concurrency.group).toBeTruthy();
  });

  it('leaves no credentials behind where it checks out', () => {
    const checkouts = steps(name).filter(({ uses }) => String(uses).startsWith('actions/checkout@'));
    for (const step of checkouts) expect(step.with['persist-credentials']).toBe(false);
  });

  it('puts no expression into a script, where it could become a command', () => {
    expect(scripts(name)).not.toContain('${{');
  });

  it('calls scripts that are there and can be run', () => {
    const called = scripts(name).match(/\btools\/[\w/.-]+\.(?:sh|ts)\b/g) ?? [];
    for (const path of called) {
      expect([path, existsSync(join(root, path))]).toEqual([path, true]);
      const executable = (statSync(join(root, path)).mode & 0o111) !== 0;
      expect([path, path.endsWith('.ts') || executable]).toEqual([path, true]);
    }
  });
});

describe('ci', () => {
  it('lets no commit on main replace another one that waits', () => {
    expect(workflow('ci.yml').concurrency.group).toBe(
      "ci-${{ github.event_name == 'push' && github.sha || github.ref }}",
    );
  });

  it('cancels only what a newer push to a pull request has made worthless', () => {
    expect(workflow('ci.yml').concurrency['cancel-in-progress']).toBe(
      "${{ github.event_name == 'pull_request' }}",
    );
  });

  it('builds the image of every app, as the release does', () => {
    const apps = readdirSync(join(root, 'apps')).sort();
    for (const name of ['ci.yml', 'release.yml']) {
      const { app } = workflow(name).jobs.images.strategy.matrix as { app: string[] };
      expect(app.toSorted()).toEqual(apps);
    }
  });

  it.each([
    ['119.9 MB above', 319_900_000, 0],
    ['120 MB above', 320_000_000, 1],
  ])('lets no image be %s its base', (_, size, code) => {
    const docker = `docker() { case "$*" in *node:*) echo 200000000 ;; *flashmesh/order:ci) echo ${size} ;; *) exit 3 ;; esac; }`;
    const run = steps('ci.yml').find((step) => String(step.run).includes('image-size.sh'))?.run;
    const { status, stdout } = spawnSync('bash', ['-ec', `${docker}\nexport -f docker\n${run}`], {
      cwd: root,
      env: { ...process.env, APP: 'order' },
      encoding: 'utf8',
    });
    expect(stdout).toMatch(/^flashmesh\/order:ci adds \d+ MB to docker.io\/library\/node:/);
    expect(status).toBe(code);
  });

  it('has one gate that waits for every other job and demands success, also where one was skipped', () => {
    const { gate, ...others } = workflow('ci.yml').jobs as Record<string, Manifest>;
    expect(gate.needs.toSorted()).toEqual(Object.keys(others).sort());
    expect(gate.if).toBe('always()');
    expect(gate.steps[0].run).toContain(`all(.[]; .result == "success")`);
  });

  it('upgrades what the base branch installs, as the deployer', () => {
    const e2e = workflow('ci.yml').jobs.e2e.steps as Manifest[];
    const deploys = e2e.filter(({ run }) => String(run).includes('tools/deploy/deploy.sh'));
    expect(deploys.map(({ env }) => env.KUBECONFIG)).toEqual(
      Array.from({ length: 2 }, () => '${{ runner.temp }}/deployer'),
    );
    expect(deploys[0].run).toContain('flashmesh default .local/base/helm -- --set image.tag=base\n');
    // What the base was given goes: the version that this chart asks for, which may be another one.
    expect(deploys[1].run).toBe('tools/deploy/deploy.sh flashmesh default helm');
    expect(readFileSync(join(root, 'tools/deploy/deploy.sh'), 'utf8')).toContain('--reset-values');
  });

  it('builds the images of the base branch from its own sources, and under another tag than its own', () => {
    const run = scripts('ci.yml');
    const builds = run.match(/^.*build-images\.sh.*$/gm)?.map((line) => line.trim());
    expect(builds).toEqual([
      'tools/deploy/build-images.sh > "$RUNNER_TEMP/images"',
      '.local/base/tools/deploy/build-images.sh base >> "$RUNNER_TEMP/images"',
    ]);
  });
});

describe('release', () => {
  it('is made from a tag, and never cut off in the middle', () => {
    expect(workflow('release.yml').on).toEqual({ push: { tags: ['v*'] } });
    expect(workflow('release.yml').concurrency['cancel-in-progress']).toBe(false);
  });

  it.each([
    ['v1.2.3', false],
    ['v1.2.3-rc.1', true],
  ])('drafts %s as a version to try: %s', (tag, toTry) => {
    const { run } = workflow('release.yml').jobs.draft.steps[0];
    const gh = 'gh() { [ "$2" = create ] && echo "$*"; }';
    const { stdout } = spawnSync('bash', ['-ec', `${gh}\n${run}`], {
      env: { ...process.env, TAG: tag },
      encoding: 'utf8',
    });
    expect(stdout).toContain(`release create ${tag} --draft`);
    expect(stdout.includes('--prerelease')).toBe(toTry);
  });

  it('reads no cache that a pull request may have written', () => {
    const build = steps('release.yml').find(({ id }) => id === 'build');
    expect(build.with['no-cache']).toBe(true);
    expect(text('release.yml')).not.toMatch(/cache-from|cache-to|cache: npm/);
  });

  it('builds for two architectures, with provenance and a list of what is in the image', () => {
    const { with: build } = steps('release.yml').find(({ id }) => id === 'build');
    expect(build.platforms).toBe('linux/amd64,linux/arm64');
    expect(build.provenance).toBe('mode=max');
    expect(build.sbom).toBe(true);
    // Nothing is emulated: what runs while an image is made runs where the build runs.
    expect(text('release.yml')).not.toContain('qemu');
    const stages = readFileSync(join(root, 'Dockerfile'), 'utf8')
      .split(/^FROM /m)
      .slice(1);
    for (const stage of stages.slice(0, -1)) expect(stage).toMatch(/^--platform=\$\{BUILDPLATFORM\} /);
    expect(stages.at(-1)).not.toMatch(/^(--platform|RUN)|\nRUN/);
  });

  it('puts into the charts the digests of images that it signed itself', () => {
    const run = scripts('release.yml');
    expect(run).toContain('cosign verify "$image@$digest"');
    expect(run).toMatch(/release\.yml@\$GITHUB_REF"\n.*\n.*done > "\$RUNNER_TEMP\/images"/);
    expect(run).toMatch(/package-charts\.sh .* "\$RUNNER_TEMP\/images"\n/);
  });

  it('signs images and charts by digest', () => {
    const signs = scripts('release.yml').match(/cosign sign .*/g);
    expect(signs).toHaveLength(2);
    for (const line of signs ?? []) expect(line).toMatch(/@\$(DIGEST|digest)"$/);
  });
});

describe('deploy', () => {
  const deploy = readFileSync(join(root, 'tools/deploy/deploy.sh'), 'utf8');

  it('waits for the reviewers of the environment, and for an earlier deploy', () => {
    const { on, concurrency, jobs } = workflow('deploy.yml');
    expect(Object.keys(on)).toEqual(['workflow_dispatch', 'release']);
    expect(on.release.types).toEqual(['published']);
    const environment =
      "${{ inputs.environment || (github.event.release.prerelease && 'staging' || 'production') }}";
    expect(jobs.deploy.environment).toBe(environment);
    expect(concurrency.group).toBe(`deploy-${environment}`);
    expect(concurrency['cancel-in-progress']).toBe(false);
  });

  it('is the same somebody to the cluster in every step, also in the one after a failure', () => {
    const { env, steps } = workflow('deploy.yml').jobs.deploy;
    expect(env.KUBE_AUDIENCE).toBe("${{ vars.KUBE_AUDIENCE || 'flashmesh' }}");
    for (const step of steps) expect(step.env?.KUBE_AUDIENCE).toBeUndefined();
  });

  it('rolls a release back that does not become ready', () => {
    for (const option of [
      '--rollback-on-failure',
      '--wait ',
      '--wait-for-jobs',
      '--timeout 15m',
      '--history-max 10',
    ]) {
      expect(deploy).toContain(option);
    }
    expect(deploy).not.toMatch(/--force|--take-ownership|--no-hooks/);
  });

  it('tests each release after all are upgraded, and then buys something', () => {
    const order = ['helm upgrade --install', 'helm test', 'smoke.sh" "$namespace"'].map((part) =>
      deploy.lastIndexOf(part),
    );
    expect(order.every((at) => at > 0)).toBe(true);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  it('installs nothing that the release workflow of that tag did not sign', () => {
    const run = (steps('deploy.yml') as { run?: string }[]).map((step) => step.run ?? '');
    const verified = run.findIndex((script) => script.includes('verify-release.sh'));
    expect(verified).toBeGreaterThan(0);
    expect(run[verified]).toMatch(/ > "\$RUNNER_TEMP\/charts"$/);
    const deployed = run.findIndex((script) => script.includes('deploy.sh'));
    expect(deployed).toBeGreaterThan(verified);
    expect(run[deployed]).toMatch(/ "\$RUNNER_TEMP\/charts"$/);
  });
});
