import { messageOf, within } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';

/**
 * What must be undone when the service stops, in reverse order of being done. Each step is bounded in time, and a step that
 * fails does not keep the later ones from running.
 */
export class ShutdownStack {
  private readonly steps: { readonly name: string; readonly undo: () => unknown }[] = [];
  private running: Promise<void> | undefined;
  private readonly logger: Logger;
  private readonly stepTimeoutMs: number;

  constructor(logger: Logger, stepTimeoutMs: number) {
    this.logger = logger;
    this.stepTimeoutMs = stepTimeoutMs;
  }

  /** Registers how to undo what was just done. */
  push(name: string, undo: () => unknown): void {
    this.steps.push({ name, undo });
  }

  /** Undoes everything once; a second call waits for the first. */
  run(): Promise<void> {
    this.running ??= this.undoAll();
    return this.running;
  }

  private async undoAll(): Promise<void> {
    for (let step = this.steps.pop(); step; step = this.steps.pop()) {
      const { name, undo } = step;
      try {
        await within(Promise.resolve().then(undo), this.stepTimeoutMs, `stopping ${name}`);
      } catch (error) {
        this.logger.warn({ step: name, error: messageOf(error) }, 'a step of the shutdown failed');
      }
    }
  }
}
