import { isTerminal, sagaInputs, type SagaInput, sagaStates, transition } from '../domain/saga.ts';

/** How an input is written in a script's arguments. */
export function inputCode(input: SagaInput): string {
  return input.kind === 'rejected' ? `rejected:${input.reason}` : input.kind;
}

/**
 * The saga's table as a Lua literal: `T[state][input] = {next, reason, terminal, {outputs}, action}`. It is computed from
 * {@link transition} by trying every pair, so the domain stays the one place that knows the rules.
 */
export function sagaTable(): string {
  const rows = sagaStates.map((state) => {
    const steps = sagaInputs.flatMap((input) => {
      const step = transition(state, input);
      if (!step) return [];
      const outputs = step.outputs.map((output) => `'${output}'`).join(',');
      const cells = [
        `'${step.next}'`,
        `'${step.reason ?? ''}'`,
        String(isTerminal(step.next)),
        `{${outputs}}`,
        `'${step.action ?? ''}'`,
      ];
      return [`['${inputCode(input)}']={${cells.join(',')}}`];
    });
    return `['${state}']={${steps.join(',')}}`;
  });
  return `{${rows.join(',\n')}}`;
}
