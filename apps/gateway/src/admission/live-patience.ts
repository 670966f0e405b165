import type { Clock } from '@flashmesh/core';
import type { LiveSettings } from '@flashmesh/service';
import type { GatewaySettings } from '../env.ts';
import { Patience } from './patience.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** Patience as long as the settings say, for those who were let in: the room hears when they are turned away further in. */
export function livePatience(
  settings: Pick<LiveSettings<GatewaySettings>, 'current'>,
  room: Pick<WaitingRoom, 'pushBack'>,
  clock: Clock,
): Patience {
  return new Patience({
    get budgetMs() {
      return settings.current.patienceMs;
    },
    onTurnedAway: () => room.pushBack(),
    clock,
  });
}
