import type { Logger } from '@flashmesh/telemetry';
import { type LogEntry, logLevel } from 'kafkajs';

/**
 * Sends what kafkajs says to our logger, one level lower: it calls every broken connection an error, though it retries, and
 * reports every join and pause. What really fails reaches our code as an error and is logged there.
 */
export function bridgeKafkajsLogger(logger: Logger): {
  logLevel: logLevel;
  logCreator: () => (entry: LogEntry) => void;
} {
  const verbose = logger.isLevelEnabled('debug');
  return {
    logLevel: verbose ? logLevel.INFO : logLevel.ERROR,
    logCreator: () => (entry) => {
      const { message, timestamp: _time, logger: _name, stack: _stack, ...details } = entry.log;
      const text = `kafka: ${message}`;
      if (entry.level === logLevel.ERROR) logger.warn({ kafka: details }, text);
      else logger.debug({ kafka: details }, text);
    },
  };
}
