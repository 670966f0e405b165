import { type Clock, systemClock } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { type LogEntry, logLevel } from 'kafkajs';

/** How often the same sentence is said: a broker that is away gives several a second. */
const REPEAT_MS = 10_000;
const MAX_REMEMBERED = 100;

/**
 * Sends what kafkajs says to our logger, one level lower: it calls every broken connection an error, though it retries, and
 * every answer of a broker that asks to try again, such as during a rebalance. What really fails reaches our code as an error and is logged there.
 */
export function bridgeKafkajsLogger(
  logger: Logger,
  clock: Clock = systemClock,
): { logLevel: logLevel; logCreator: () => (entry: LogEntry) => void } {
  const verbose = logger.isLevelEnabled('debug');
  const saidAt = new Map<string, number>();
  return {
    logLevel: verbose ? logLevel.INFO : logLevel.ERROR,
    logCreator: () => (entry) => {
      const { message, timestamp: _time, logger: _name, stack: _stack, ...details } = entry.log;
      const text = `kafka: ${message}`;
      const now = clock.monotonic();
      const again = now - (saidAt.get(message) ?? -Infinity) < REPEAT_MS;
      if (entry.level !== logLevel.ERROR || again || message.startsWith('Response ')) {
        logger.debug({ kafka: details }, text);
        return;
      }
      if (saidAt.size >= MAX_REMEMBERED) saidAt.clear();
      saidAt.set(message, now);
      logger.warn({ kafka: details }, text);
    },
  };
}
