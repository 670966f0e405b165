import { GroupMembership } from '@flashmesh/coordination';
import { type Clock, FlashmeshError } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { z } from 'zod';
import type { BaseEnv } from './env.ts';

const MEMBERS_PATH = '/flashmesh/members';

const member = z.object({
  service: z.string(),
  instance: z.string(),
  version: z.string(),
  zone: z.string(),
  /** When its process began to serve, in milliseconds since the epoch. */
  startedAt: z.int(),
});

/** A live process of the shop. */
export type Member = Readonly<z.infer<typeof member>>;

/**
 * Every live process of the shop, those included that serve no gRPC and are in no registry. The registry says whom to call; this says
 * who is there. A process that died is gone within its session timeout.
 */
export class Members {
  private readonly group: GroupMembership;
  private readonly observe: boolean;

  /** @param observe whether to follow who is there, or only to join. */
  constructor(
    zk: ZooKeeper,
    service: string,
    env: Pick<BaseEnv, 'INSTANCE_ID' | 'VERSION' | 'ZONE'>,
    { observe, clock, logger, path = MEMBERS_PATH }: MembersOptions,
  ) {
    this.observe = observe;
    const own: Member = {
      service,
      instance: env.INSTANCE_ID,
      version: env.VERSION,
      zone: env.ZONE,
      startedAt: clock.now(),
    };
    // Two services may call their instances the same.
    const id = `${service}.${env.INSTANCE_ID}`;
    this.group = new GroupMembership(zk, path, id, JSON.stringify(own), { observe, logger });
  }

  start(): Promise<void> {
    return this.group.start();
  }

  close(): Promise<void> {
    return this.group.close();
  }

  /**
   * By service and instance, as last seen.
   *
   * @throws FlashmeshError `failed_precondition` (`NOT_OBSERVING`) when it only joined.
   */
  list(): Member[] {
    if (!this.observe) {
      throw new FlashmeshError(
        'failed_precondition',
        'NOT_OBSERVING',
        'this process does not follow who is there',
      );
    }
    return [...this.group.members.values()].flatMap((data) => read(data) ?? []).sort(byName);
  }
}

export interface MembersOptions {
  readonly observe: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** @default '/flashmesh/members' */
  readonly path?: string;
}

/** A node that is none of ours is nobody. */
function read(data: Buffer): Member | undefined {
  try {
    return member.safeParse(JSON.parse(data.toString())).data;
  } catch {
    return undefined;
  }
}

function byName(a: Member, b: Member): number {
  return a.service.localeCompare(b.service) || a.instance.localeCompare(b.instance);
}
