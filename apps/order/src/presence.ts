/** Asks the view which of the orders of a partition it does not hold. */
type AskMissing = (partition: number, orderIds: string[]) => Promise<string[]>;

interface Question {
  readonly orderIds: string[];
  readonly missing: Promise<Set<string>>;
}

/**
 * Asks whether the view holds an order, many orders at a time: questions that come in one turn of the event loop share one
 * call per partition. The call is made after the question, never before.
 */
export class Presence {
  private readonly pending = new Map<number, Question>();
  private readonly ask: AskMissing;

  constructor(ask: AskMissing) {
    this.ask = ask;
  }

  async holds(partition: number, orderId: string): Promise<boolean> {
    let question = this.pending.get(partition);
    if (!question) {
      question = this.open(partition);
      this.pending.set(partition, question);
    }
    question.orderIds.push(orderId);
    return !(await question.missing).has(orderId);
  }

  private open(partition: number): Question {
    const orderIds: string[] = [];
    const missing = new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      this.pending.delete(partition);
      return new Set(await this.ask(partition, orderIds));
    });
    return { orderIds, missing };
  }
}
