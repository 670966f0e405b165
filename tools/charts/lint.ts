import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { kubernetesVersions, schemaLocations, validate } from './kubeconform.ts';
import { chartFolders, chartsFolder, root, valuesFiles } from './paths.ts';
import { inParallel, run } from './process.ts';
import { checkReadme } from './readme.ts';
import { checkSchemaOf } from './schema-check.ts';

/**
 * `node tools/charts/lint.ts [--offline-schemas]`: what must hold for charts, manifests, workflows and deploy scripts before
 * a cluster sees them. Every gate runs, so that one run shows all there is to mend; the exit code is 1 when any failed.
 * Needs helm, kubeconform and actionlint on the PATH.
 */
interface Gate {
  readonly name: string;
  /** What is wrong, and what was looked at: a gate that looked at nothing is broken. */
  run(): Promise<{ readonly problems: readonly string[]; readonly looked: string }>;
}

const charts = chartFolders();
const combinations = charts.flatMap((chart) => valuesFiles(chart).map((values) => ({ chart, values })));
const locations = schemaLocations(process.argv.includes('--offline-schemas'));
// Nobody may wait for it before it fails.
locations.catch(() => undefined);

const gates: Gate[] = [
  {
    name: 'charts have values to lint',
    run: async () => ({
      problems: [
        ...(charts.length === 0 ? ['there are no charts'] : []),
        ...charts
          .filter((chart) => valuesFiles(chart).length === 0)
          .map((chart) => `${basename(chart)}: no ci/*-values.yaml`),
      ],
      looked: `${combinations.length} combinations of ${charts.length} charts`,
    }),
  },
  {
    name: 'README tables',
    run: async () => ({
      problems: (await Promise.all(charts.map((chart) => checkReadme(chart, false)))).flat(),
      looked: `${charts.length} charts`,
    }),
  },
  {
    name: 'values and schemas agree',
    run: async () => ({
      problems: charts.flatMap((chart) => checkSchemaOf(chart)),
      looked: `${charts.length} charts`,
    }),
  },
  { name: 'helm lint --strict', run: lintCharts },
  { name: 'kubeconform -strict, charts', run: validateCharts },
  { name: 'kubeconform -strict, k8s/', run: validateManifests },
  { name: 'actionlint', run: lintWorkflows },
  { name: 'shell scripts', run: lintScripts },
];

async function lintCharts() {
  const problems = await inParallel(combinations, async ({ chart, values }) => {
    const { ok, output } = await run('helm', ['lint', '--strict', '--quiet', chart, '--values', values]);
    return ok ? [] : [`${relative(root, values)}:\n${withoutSymlinks(output)}`];
  });
  return { problems: problems.flat(), looked: `${combinations.length} combinations` };
}

async function validateCharts() {
  const scratch = mkdtempSync(join(tmpdir(), 'flashmesh-charts-'));
  try {
    const schemas = await locations;
    for (const version of kubernetesVersions) mkdirSync(join(scratch, version));
    const jobs = combinations.flatMap(({ chart, values }) =>
      (asksForVersion(chart) ? kubernetesVersions.map((version) => [version]) : [kubernetesVersions]).map(
        (versions) => ({ chart, values, versions }),
      ),
    );
    const rendered = await inParallel(jobs, (job) => renderInto(scratch, job));
    const validations = await inParallel(kubernetesVersions, (version) =>
      validate(version, schemas, [join(scratch, version)]),
    );
    const objects = rendered.reduce((sum, { objects }) => sum + objects, 0);
    const valid = validations.reduce((sum, { valid }) => sum + valid, 0);
    const skipped = validations.reduce((sum, { skipped }) => sum + skipped, 0);
    const invalid = validations.flatMap(({ problems }) => problems);
    const problems = [
      // What fails for one version mostly fails for all.
      ...new Set(rendered.flatMap(({ problem }) => problem ?? [])),
      ...invalid.map((problem) => problem.replaceAll(`${scratch}/`, '')),
      ...(invalid.length === 0 && valid !== objects
        ? [`${valid} of ${objects} rendered objects were validated`]
        : []),
    ];
    const looked = `${valid} of ${objects} objects valid, ${skipped} skipped, for ${kubernetesVersions.join(', ')}`;
    return { problems, looked };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Whether a chart could render differently for another version of Kubernetes: most do not, and some take seconds. */
function asksForVersion(chart: string): boolean {
  const folders = [chart, join(chartsFolder, 'common')].map((folder) => join(folder, 'templates'));
  const templates = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  return templates.some(
    (file) => /\.(yaml|tpl)$/.test(file) && /Capabilities/.test(readFileSync(file, 'utf8')),
  );
}

interface Rendering {
  readonly chart: string;
  readonly values: string;
  /** What it is rendered for: rendered for the first, validated for each. */
  readonly versions: readonly string[];
}

/** Renders a chart into a file of each version's folder, and counts the objects in them. */
async function renderInto(folder: string, { chart, values, versions }: Rendering) {
  const [name, file] = [basename(chart), relative(root, values)];
  const { ok, stdout, output } = await run('helm', [
    'template',
    name,
    chart,
    '--namespace',
    'flashmesh',
    '--kube-version',
    versions[0] ?? '',
    '--values',
    values,
  ]);
  if (!ok) return { objects: 0, problem: `${file} does not render:\n${withoutSymlinks(output)}` };
  for (const version of versions) {
    writeFileSync(join(folder, version, `${name}-${file.replaceAll('/', '-')}`), stdout);
  }
  return { objects: versions.length * (stdout.match(/^kind: /gm)?.length ?? 0) };
}

/** Helm tells about each symbolic link that it follows, and ours are meant. */
function withoutSymlinks(output: string): string {
  return output
    .split('\n')
    .filter((line) => !line.includes('found symbolic link in path'))
    .join('\n');
}

async function validateManifests() {
  const folder = join(root, 'k8s');
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(folder, name));
  const objects = files.reduce(
    (sum, file) => sum + (readFileSync(file, 'utf8').match(/^kind: /gm)?.length ?? 0),
    0,
  );
  const schemas = await locations;
  const results = await Promise.all(kubernetesVersions.map((version) => validate(version, schemas, files)));
  const problems = results.flatMap(({ valid, problems }) =>
    problems.length === 0 && valid !== objects ? [`${valid} of ${objects} objects were validated`] : problems,
  );
  return { problems, looked: `${objects} objects in ${files.length} files` };
}

async function lintWorkflows() {
  const folder = join(root, '.github/workflows');
  const files = readdirSync(folder).map((name) => join(folder, name));
  const [actionlint, shellcheck] = await Promise.all([run('actionlint', files, root), hasShellcheck()]);
  return {
    problems: actionlint.ok ? [] : [actionlint.output],
    looked: `${files.length} workflows, ${shellcheck ? 'with' : 'without'} shellcheck`,
  };
}

async function lintScripts() {
  const folder = join(root, 'tools/deploy');
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.sh'))
    .map((name) => join(folder, name));
  const shellcheck = await hasShellcheck();
  const checked = await Promise.all([
    ...files.map((file) => run('bash', ['-n', file])),
    ...(shellcheck ? [run('shellcheck', ['--external-sources', ...files])] : []),
  ]);
  return {
    problems: checked.filter(({ ok }) => !ok).map(({ output }) => output),
    looked: `${files.length} scripts, ${shellcheck ? 'with' : 'without'} shellcheck`,
  };
}

async function hasShellcheck(): Promise<boolean> {
  return (await run('shellcheck', ['--version'])).ok;
}

let failed = 0;
for (const gate of gates) {
  const before = performance.now();
  const { problems, looked } = await gate
    .run()
    .catch((error: unknown) => ({ problems: [String(error)], looked: 'it could not run' }));
  if (problems.length > 0) failed++;
  for (const problem of problems) console.log(`     ${problem.trimEnd().replaceAll('\n', '\n     ')}`);
  const seconds = ((performance.now() - before) / 1000).toFixed(1);
  console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${gate.name}: ${looked} (${seconds} s)`);
}
process.exitCode = failed > 0 ? 1 : 0;
