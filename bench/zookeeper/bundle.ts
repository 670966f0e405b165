/** The programs that are measured, bundled as the apps are: Node's stripping of types would add its own time and memory to ours. */
import { join } from 'node:path';
import { rspack } from '@rspack/core';
import { StackError } from '../../tools/local/stack-error.ts';

const here = import.meta.dirname;
const PROGRAMS = ['measure', 'notice', 'lock'] as const;

export type Program = (typeof PROGRAMS)[number];

/** Where the program is, once {@link bundle} is done. */
export function programPath(program: Program): string {
  // Beneath the folder whose `node_modules` hold the peers.
  return join(here, 'dist', `${program}.mjs`);
}

/** @throws StackError with what the bundler complains of. */
export async function bundle(): Promise<void> {
  const compiler = rspack({
    mode: 'production',
    target: 'node20',
    devtool: 'source-map',
    context: here,
    entry: Object.fromEntries(PROGRAMS.map((program) => [program, join(here, `${program}.ts`)])),
    output: {
      path: join(here, 'dist'),
      filename: '[name].mjs',
      module: true,
      chunkFormat: 'module',
      clean: true,
    },
    // The peers stay what they are.
    externals: { 'node-zookeeper-client': 'import node-zookeeper-client', zookeeper: 'import zookeeper' },
    externalsPresets: { node: true },
    resolve: { extensions: ['.ts', '.js', '.json'] },
    module: {
      rules: [
        {
          test: /\.ts$/,
          loader: 'builtin:swc-loader',
          options: { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' } },
        },
      ],
    },
    optimization: { minimize: false },
    node: false,
  });
  const stats = await new Promise<{ faults: readonly string[] }>((resolve, reject) =>
    compiler.run((error, result) => {
      if (error) return reject(error);
      const { errors = [] } = result?.toJson({ all: false, errors: true }) ?? {};
      compiler.close(() => resolve({ faults: errors.map(({ message }) => message) }));
    }),
  );
  if (stats.faults.length === 0) return;
  throw new StackError('The programs of the bench could not be bundled.', 'Mend what is named above.', {
    evidence: stats.faults,
  });
}
