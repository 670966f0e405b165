import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './run-command.ts';
import { StackError } from './stack-error.ts';

/** Kafka 4 brokers need it. */
const oldest = 17;
const install =
  'Install a Java runtime of version 17 or newer (Debian: `apt install openjdk-17-jre-headless`, macOS: `brew install openjdk@17`), ' +
  'or set JAVA_HOME to one, and run the command again.';

/**
 * The `java` to run Kafka and ZooKeeper with: of JAVA_HOME, else of the PATH.
 *
 * @throws StackError when there is none or it is too old.
 */
export async function findJava(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const java = env.JAVA_HOME ? join(env.JAVA_HOME, 'bin', 'java') : 'java';
  if (env.JAVA_HOME && !existsSync(java)) {
    throw new StackError(`JAVA_HOME is ${env.JAVA_HOME}, and there is no bin/java in it.`, install);
  }
  const told = await runCommand(java, ['-version']).catch((error: unknown) => {
    throw new StackError('Kafka and ZooKeeper need Java, and there is no `java` on the PATH.', install, {
      cause: error,
    });
  });
  const version = javaVersion(told.lines);
  if (version === undefined || told.code !== 0) {
    throw new StackError(`\`${java} -version\` does not work.`, install, { evidence: told.lines.slice(-5) });
  }
  if (version < oldest) {
    throw new StackError(`Kafka needs Java ${oldest}, and ${java} is Java ${version}.`, install);
  }
  return java;
}

/** The feature release in the output of `java -version`: 8 for `1.8.0_392`, 17 for `17.0.15`, 25 for `25-ea`. */
export function javaVersion(lines: readonly string[]): number | undefined {
  const match = /version "(?:1\.)?(\d+)/.exec(lines.join('\n'));
  return match ? Number(match[1]) : undefined;
}
