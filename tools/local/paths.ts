import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Everything that the tool writes, besides `dist/` and `node_modules/`. */
export const local = join(root, '.local');

/** Where things live below {@link local}. */
export const paths = {
  /** Jars of Kafka and ZooKeeper, and what was unpacked from jars. */
  lib: join(local, 'lib'),
  /** One folder a run: its data, its lock, its children. */
  runs: join(local, 'run'),
  /** What a run printed; kept after the run, replaced by the next one of the same name. */
  logs: join(local, 'logs'),
  /** Made once to save time later; may be deleted at any time. */
  cache: join(local, 'cache'),
} as const;
