import { eventually } from '../../support/eventually.ts';

/** A server of the ensemble: its process's name and what it says to be. */
export interface Member {
  readonly name: string;
  readonly mode: 'leader' | 'follower' | 'away';
}

/** The ensemble of three that `npm run test:faults` started, and what tests may do to it. */
export class Ensemble {
  /** `host:port` of all, with commas between. */
  readonly servers: string;
  private readonly control: string;

  constructor() {
    const { ZOOKEEPER, STACK_CONTROL } = process.env;
    if (!ZOOKEEPER?.includes(',') || !STACK_CONTROL) {
      throw new Error('there is no ensemble: run the specs of test/faults with `npm run test:faults`');
    }
    this.servers = ZOOKEEPER;
    this.control = STACK_CONTROL;
  }

  /** The servers, in the order of their ids. */
  async members(): Promise<Member[]> {
    const names = this.servers.split(',').map((_, i) => `zookeeper-${i + 1}`);
    return Promise.all(names.map(async (name) => ({ name, mode: await this.modeOf(name) })));
  }

  async leader(): Promise<string> {
    const found = (await this.members()).find(({ mode }) => mode === 'leader');
    if (!found) throw new Error('the ensemble has no leader');
    return found.name;
  }

  async followers(): Promise<string[]> {
    return (await this.members()).filter(({ mode }) => mode === 'follower').map(({ name }) => name);
  }

  /** SIGKILL, and resolves when it is gone. */
  kill(name: string): Promise<void> {
    return this.deed(`${name}/kill/SIGKILL`);
  }

  /** SIGSTOP: its connections stay open, and nothing answers. */
  freeze(name: string): Promise<void> {
    return this.deed(`${name}/kill/SIGSTOP`);
  }

  thaw(name: string): Promise<void> {
    return this.deed(`${name}/kill/SIGCONT`);
  }

  /** Starts one that was killed; resolves when it serves, which takes a quorum. */
  restart(name: string): Promise<void> {
    return this.deed(`${name}/restart`);
  }

  /** Resolves when one leads and all others follow. */
  async whole(): Promise<void> {
    await eventually('the ensemble to be whole', async () => {
      const modes = (await this.members()).map(({ mode }) => mode).sort();
      return modes.join() === 'follower,follower,leader';
    });
  }

  /** The paths below `prefix` on which any server has a watch, as `wchp` tells them. */
  async watchedPaths(prefix: string): Promise<string[]> {
    const answers = await Promise.all((await this.members()).map(({ name }) => this.say(name, 'wchp')));
    return answers
      .flatMap((answer) => answer.split('\n'))
      .filter((line) => line === prefix || line.startsWith(`${prefix}/`));
  }

  private async modeOf(name: string): Promise<Member['mode']> {
    const answer = await this.say(name, 'srvr').catch(() => '');
    return (/^Mode: (leader|follower)$/m.exec(answer)?.[1] ?? 'away') as Member['mode'];
  }

  private async say(name: string, word: string): Promise<string> {
    const response = await fetch(`${this.control}/zookeeper/${name}/say/${word}`);
    const told = (await response.json()) as string;
    if (!response.ok) throw new Error(`${name} does not answer ${word}: ${told}`);
    return told;
  }

  private async deed(path: string): Promise<void> {
    const response = await fetch(`${this.control}/zookeeper/${path}`, { method: 'POST' });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  }
}
