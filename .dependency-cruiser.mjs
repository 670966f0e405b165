/**
 * The dependency rules of the repository (README, "Folders"): arrows point one way,
 * apps -> service -> {rpc, messaging, cache, coordination, registry} -> {zookeeper, telemetry, contracts} -> core.
 */
const layers = [
  ['core'],
  ['zookeeper', 'telemetry', 'contracts'],
  ['rpc', 'messaging', 'cache', 'coordination', 'registry'],
  ['service'],
];
const libs = (names) => `^libs/(${names.join('|')})/`;

const oneWay = layers.flatMap((layer, index) =>
  layer.map((lib) => ({
    name: `libs-${lib}-points-down`,
    comment: `libs/${lib} may import only the layers below it.`,
    severity: 'error',
    from: { path: `^libs/${lib}/` },
    to: {
      path: '^(libs|apps|tools|test)/',
      // zookeeper traces its own requests: the one arrow inside a layer.
      pathNot: [libs([lib, ...layers.slice(0, index).flat(), ...(lib === 'zookeeper' ? ['telemetry'] : [])])],
    },
  })),
);

export default {
  forbidden: [
    ...oneWay,
    {
      name: 'no-cycle',
      comment: 'A cycle makes both ends one piece.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-app-imports-another-app',
      comment: 'Apps meet through gRPC and Kafka only.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'only-a-libs-index',
      comment: 'The inside of a lib is its own business: import @flashmesh/<lib>.',
      severity: 'error',
      from: { path: '^(apps|tools|test|bench|libs/([^/]+))/' },
      to: { path: '^libs/([^/]+)/src/(?!(testing/)?index[.]ts$)', pathNot: '^libs/$2/' },
    },
    {
      name: 'testing-is-for-tests',
      comment:
        'What a lib offers as @flashmesh/<lib>/testing, simulated servers and the like, and fixtures stay out of what runs.',
      severity: 'error',
      from: { pathNot: '[.](spec|fixture)[.]ts$|/testing/|^(test|bench)/' },
      to: { path: '^libs/[^/]+/src/testing/|[.]fixture[.]ts$' },
    },
    {
      name: 'domain-is-pure',
      comment: 'Rules of the shop know no client library and no framework.',
      severity: 'error',
      from: { path: '^apps/[^/]+/src/domain/', pathNot: '[.]spec[.]ts$' },
      to: { pathNot: ['^apps/[^/]+/src/domain/', libs(['core', 'contracts']), '^(node:)?crypto$'] },
    },
    {
      name: 'rpc-knows-no-zookeeper',
      comment: 'rpc and registry meet at the Resolver port of core.',
      severity: 'error',
      from: { path: '^libs/rpc/' },
      to: { path: '^libs/(zookeeper|registry)/' },
    },
    {
      name: 'nothing-imports-tests',
      severity: 'error',
      from: { pathNot: '[.]spec[.]ts$|^test/' },
      to: { path: '[.]spec[.]ts$|^test/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports is dead.',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: ['[.](spec|config|d)[.](m?[jt]s)$', '^[.]', '^tools/', '/main[.]ts$', '^test/', '^bench/'],
      },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // The bench of the ZooKeeper clients is a package of its own, with dependencies that are not installed here.
    exclude: { path: '^(dist|[.]local|bench/zookeeper)/|/src/gen/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
};
