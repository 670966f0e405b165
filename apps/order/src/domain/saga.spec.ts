import {
  isTerminal,
  type SagaAction,
  sagaInputs,
  type SagaInput,
  type SagaOutput,
  type SagaState,
  sagaStates,
  transition,
} from './saga.ts';

const key = (input: SagaInput) => (input.kind === 'rejected' ? `rejected:${input.reason}` : input.kind);

describe('the saga, pair by pair', () => {
  // Everything that is not listed changes nothing. next [reason] : outputs ! action
  const table: Partial<Record<SagaState, Record<string, string>>> = {
    PLACED: {
      reserved: 'PAYING !charge',
      'rejected:SOLD_OUT': 'REJECTED SOLD_OUT :rejected',
      'rejected:BUYER_LIMIT': 'REJECTED BUYER_LIMIT :rejected',
      'rejected:UNKNOWN_SKU': 'REJECTED UNKNOWN_SKU :rejected',
      committed: 'CONFIRMED :confirmed',
      commitRefused: 'REFUNDING !void',
      expired: 'REFUNDING !void',
    },
    PAYING: {
      charged: 'COMMITTING :commit',
      declined: 'CANCELLED PAYMENT_DECLINED :release,cancelled',
      chargeVoided: 'REFUNDING !void',
      committed: 'CONFIRMED :confirmed',
      commitRefused: 'REFUNDING !void',
      expired: 'REFUNDING !void',
    },
    COMMITTING: {
      committed: 'CONFIRMED :confirmed',
      commitRefused: 'REFUNDING !void',
      expired: 'REFUNDING !void',
    },
    REFUNDING: { voided: 'CANCELLED EXPIRED :cancelled' },
  };
  const pairs = sagaStates.flatMap((state) => sagaInputs.map((input) => [state, key(input), input] as const));

  it.each(pairs)('%s + %s', (state, name, input) => {
    const step = transition(state, input);
    const text = step
      ? [
          step.next,
          step.reason,
          step.outputs.length > 0 ? `:${step.outputs.join(',')}` : undefined,
          step.action && `!${step.action}`,
        ]
          .filter(Boolean)
          .join(' ')
      : undefined;
    expect(text).toBe(table[state]?.[name]);
  });

  it('lists every input kind once', () => {
    expect(new Set(sagaInputs.map(key)).size).toBe(sagaInputs.length);
  });
});

/** mulberry32: small, seeded, good enough to shuffle a test. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) % below) | 0;
  };
}

type Command = 'reserve' | 'commit' | 'release' | 'expire';
type Units = 'none' | 'held' | 'sold' | 'given back' | 'refused';
type Money = 'none' | 'charged' | 'declined' | 'voided' | 'refunded';

/**
 * One order among the real neighbours, reduced to their promises: inventory works through its commands in order and tells
 * of them in order, payment is idempotent by order. Everything else may go wrong: messages come twice, answers come late or
 * never, effects happen after the caller gave up, the view is wiped with its outbox and rebuilt from the log.
 */
class World {
  state: SagaState = 'PLACED';
  units: Units = 'none';
  money: Money = 'none';
  /** Order events that reached the log. */
  readonly log: SagaOutput[] = [];
  private readonly commands: Command[] = ['reserve'];
  private readonly events: SagaInput[] = [];
  private offset = 0;
  private outbox: SagaOutput[] = [];
  private readonly calls: SagaAction[] = [];
  private readonly answers: SagaInput[] = [];
  private readonly random: (below: number) => number;
  private readonly soldOut: boolean;
  private readonly declines: boolean;

  constructor(seed: number) {
    this.random = randomOf(seed);
    this.soldOut = this.random(5) === 0;
    this.declines = this.random(3) === 0;
  }

  /** Does one thing that can happen now. */
  disturb(): void {
    const happenings = [
      () => this.inventoryWorks(),
      () => this.eventArrives(),
      () => this.callTakesEffect(),
      () => this.answerArrives(),
      () => this.relay(),
      () => this.redrive(),
      () => this.commands.push('expire'),
      () => (this.offset = this.random(this.offset + 1)),
      () => this.answers.splice(this.random(this.answers.length + 1), 1),
      () => this.calls.splice(this.random(this.calls.length + 1), 1),
      () => this.random(4) === 0 && this.wipe(),
    ];
    happenings[this.random(happenings.length)]?.();
  }

  /** Lets everything that is under way arrive, and drives the order until it has ended. */
  settle(): void {
    for (let round = 0; round < 50 && !(isTerminal(this.state) && this.outbox.length === 0); round++) {
      this.redrive();
      for (let i = 0; i < 20; i++) {
        this.inventoryWorks();
        this.eventArrives();
        this.callTakesEffect();
        this.answerArrives();
        this.relay();
      }
    }
    // What was still on its way arrives after the end.
    for (let i = 0; i < 50; i++) {
      this.inventoryWorks();
      this.eventArrives();
      this.callTakesEffect();
      this.answerArrives();
      this.relay();
    }
  }

  private learn(input: SagaInput): void {
    const step = transition(this.state, input);
    if (!step) return;
    this.state = step.next;
    this.outbox.push(...step.outputs);
    if (step.action) this.calls.push(step.action);
  }

  private inventoryWorks(): void {
    const command = this.commands.shift();
    if (!command) return;
    if (command === 'reserve') {
      if (this.units === 'none') this.units = this.soldOut ? 'refused' : 'held';
      this.events.push(
        this.units === 'refused' ? { kind: 'rejected', reason: 'SOLD_OUT' } : { kind: 'reserved' },
      );
    } else if (command === 'commit') {
      if (this.units === 'held') this.units = 'sold';
      this.events.push({ kind: this.units === 'sold' ? 'committed' : 'commitRefused' });
    } else if (this.units === 'held') {
      this.units = 'given back';
      this.events.push({ kind: command === 'expire' ? 'expired' : 'released' });
    }
  }

  private eventArrives(): void {
    const event = this.events[this.offset];
    if (!event) return;
    this.offset++;
    this.learn(event);
  }

  private callTakesEffect(): void {
    const call = this.calls.splice(this.random(this.calls.length + 1), 1)[0];
    if (call === 'charge') {
      if (this.money === 'none') this.money = this.declines ? 'declined' : 'charged';
      this.answers.push({
        kind: this.money === 'charged' ? 'charged' : this.money === 'declined' ? 'declined' : 'chargeVoided',
      });
    } else if (call === 'void') {
      if (this.money === 'none') this.money = 'voided';
      if (this.money === 'charged') this.money = 'refunded';
      this.answers.push({ kind: 'voided' });
    }
  }

  private answerArrives(): void {
    const answer = this.answers.splice(this.random(this.answers.length + 1), 1)[0];
    if (answer) this.learn(answer);
  }

  private relay(): void {
    const output = this.outbox.shift();
    if (output === 'commit' || output === 'release') this.commands.push(output);
    else if (output) this.log.push(output);
  }

  private redrive(): void {
    if (this.state === 'PLACED') this.commands.push('reserve');
    if (this.state === 'PAYING') this.calls.push('charge');
    if (this.state === 'COMMITTING') this.commands.push('commit');
    if (this.state === 'REFUNDING') this.calls.push('void');
  }

  /** The view is lost with its outbox; the new one knows what the log says, and reads inventory's events from the start. */
  private wipe(): void {
    const ended = { confirmed: 'CONFIRMED', rejected: 'REJECTED', cancelled: 'CANCELLED' } as const;
    const last = this.log[0] as keyof typeof ended | undefined;
    this.state = last ? ended[last] : 'PLACED';
    this.outbox = [];
    this.offset = 0;
  }
}

describe('the saga, in any interleaving', () => {
  const SEEDS = 20_000;

  it('ends once, tells it once, and keeps money exactly for what it confirms', () => {
    const ends = new Set<string>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new World(seed);
      for (let i = 0; i < 40; i++) world.disturb();
      world.settle();
      const told = new Set(world.log);
      const summary = `${world.state} units ${world.units} money ${world.money} told ${[...told].join()}`;
      ends.add(summary);
      if (!isTerminal(world.state) || told.size !== 1) {
        throw new Error(`seed ${seed}: not exactly one end: ${summary}`);
      }
      if ((world.state === 'CONFIRMED') !== (world.money === 'charged')) {
        throw new Error(`seed ${seed}: money: ${summary}`);
      }
      if ((world.state === 'CONFIRMED') !== (world.units === 'sold')) {
        throw new Error(`seed ${seed}: units: ${summary}`);
      }
    }
    // The search reached every kind of end, so that its silence means something.
    expect([...ends].map((end) => end.split(' ')[0])).toEqual(
      expect.arrayContaining(['CANCELLED', 'CONFIRMED', 'REJECTED']),
    );
    expect([...ends].some((end) => end.includes('money refunded'))).toBe(true);
    expect([...ends].some((end) => end.includes('money voided'))).toBe(true);
  });

  it('absorbs everything once it has ended, whatever comes in whatever order', () => {
    const random = randomOf(7);
    for (let run = 0; run < 5000; run++) {
      let state: SagaState = 'PLACED';
      let endings = 0;
      for (let i = 0; i < 30; i++) {
        const step = transition(state, sagaInputs[random(sagaInputs.length)] as SagaInput);
        if (step) endings += step.outputs.filter((o) => o !== 'commit' && o !== 'release').length;
        if (step && isTerminal(state)) throw new Error(`${state} moved`);
        state = step?.next ?? state;
      }
      expect(endings).toBeLessThanOrEqual(1);
    }
  });
});
