import type { LoggerService } from '@nestjs/common';
import type { Logger } from './logger.ts';

/** Parts of Nest that say at each start what everybody knows: which modules and routes there are. */
const CHATTY = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'NestMicroservice',
  'RouterExplorer',
  'RoutesResolver',
]);

/** Nest's own log over ours, with the Nest context as the field `context`. What Nest says of its start is at level debug. */
export class NestLogger implements LoggerService {
  private readonly logger: Logger;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  log(message: unknown, ...rest: unknown[]): void {
    const context = lastText(rest);
    this.write(context !== undefined && CHATTY.has(context) ? 'debug' : 'info', message, context);
  }

  /** Nest passes (message, stack?, context?): the stack is told from the context by its line breaks. */
  error(message: unknown, ...rest: unknown[]): void {
    this.writeError('error', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.writeError('fatal', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, lastText(rest));
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, lastText(rest));
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, lastText(rest));
  }

  private writeError(level: 'error' | 'fatal', message: unknown, rest: unknown[]): void {
    const stack = rest.find((item): item is string => typeof item === 'string' && item.includes('\n'));
    const context = lastText(rest.filter((item) => item !== stack));
    const err =
      message instanceof Error ? message : (rest.find((item) => item instanceof Error) ?? { stack });
    if (err instanceof Error || stack !== undefined) this.write(level, message, context, { err });
    else this.write(level, message, context);
  }

  private write(
    level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal',
    message: unknown,
    context?: string,
    extra: object = {},
  ): void {
    const fields = context === undefined ? extra : { context, ...extra };
    if (typeof message === 'string') this.logger[level](fields, message);
    else if (message instanceof Error) this.logger[level]({ err: message, ...fields }, message.message);
    else this.logger[level]({ ...fields, detail: message }, 'nest');
  }
}

function lastText(rest: unknown[]): string | undefined {
  const last = rest.at(-1);
  return typeof last === 'string' ? last : undefined;
}
