import type { Clock } from '@flashmesh/core';
import type { LiveSettings } from '@flashmesh/service';
import type { GatewaySettings } from '../env.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';
import { WaitingRoom } from './waiting-room.ts';

/** However slow everything is: so few that what is behind can answer them, so many that one slow order does not hold up the rest. */
const MIN_IN_FLIGHT = 4;

/** The waiting room in front of the orders: its bounds are those of the settings, and it follows them. */
export function liveWaitingRoom(
  settings: Pick<LiveSettings<GatewaySettings>, 'current' | 'onChange'>,
  clock: Clock,
): WaitingRoom {
  const limit = new AdaptiveLimit({
    get min() {
      return Math.min(MIN_IN_FLIGHT, settings.current.maxInFlight);
    },
    get max() {
      return settings.current.maxInFlight;
    },
    get targetMs() {
      return settings.current.targetMs;
    },
    clock,
  });
  const room = new WaitingRoom({
    limit,
    get maxWaiting() {
      return settings.current.maxWaiting;
    },
    get maxWaitMs() {
      return settings.current.maxWaitMs;
    },
    clock,
  });
  settings.onChange(() => room.adjust());
  return room;
}
