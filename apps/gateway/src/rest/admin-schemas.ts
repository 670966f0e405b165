import { settings } from '@flashmesh/contracts';
import type { AdminJob, Member } from '@flashmesh/service';
import { z } from 'zod';

/** What an admin sends to set the settings of a service: which fields there are depends on the service. */
export const settingsBody = z
  .union([settings.gateway, settings.order, settings.inventory, settings.payment])
  .meta({ id: 'Settings', examples: [{ providerLatencyMs: 200, providerDeclineShare: 0.1 }] });

export const settingsView = z
  .object({
    service: z.string(),
    version: z.int().describe('Grows with every change; also the ETag.'),
    settings: settingsBody.optional().describe('What overrides the environment.'),
    fault: z
      .string()
      .optional()
      .describe(
        'Instead of the settings, when somebody published bad ones by hand: the rule that is broken.',
      ),
  })
  .meta({ id: 'PublishedSettings' });
export type SettingsView = z.infer<typeof settingsView>;

/** The services whose projection in Redis can be rebuilt from the log. The catalog keeps none: its view is in memory. */
const projections = ['inventory', 'order', 'payment', 'fulfillment', 'notification'] as const;

/** What an admin sends to have a job done. */
export const jobBody = z
  .strictObject(
    {
      kind: z.literal('rebuild', 'must be "rebuild"'),
      projection: z
        .enum(projections, `must be one of ${projections.join(', ')}`)
        .describe('The service whose state in Redis is rebuilt from the log.'),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? 'must be a JSON object' : undefined) },
  )
  .meta({ id: 'SubmitJob', examples: [{ kind: 'rebuild', projection: 'inventory' }] });
export type JobBody = z.infer<typeof jobBody>;

export const jobView = z
  .object({
    id: z.string(),
    kind: z.string(),
    projection: z.string(),
    state: z.enum(['WAITING', 'RUNNING', 'DONE', 'FAILED']),
    attempts: z.int().describe('How many instances began it: one that dies leaves it to another.'),
    takenBy: z.string().optional().describe('The instance that began it last.'),
    fault: z.string().optional().describe('Why it failed.'),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().optional(),
    endedAt: z.iso.datetime().optional(),
  })
  .meta({ id: 'Job' });
export type JobView = z.infer<typeof jobView>;

export const membersView = z
  .object({
    members: z.array(
      z.object({
        service: z.string(),
        instance: z.string(),
        version: z.string(),
        zone: z.string(),
        startedAt: z.iso.datetime(),
      }),
    ),
  })
  .meta({ id: 'Members' });
export type MembersView = z.infer<typeof membersView>;

export function viewJob({ service, state, createdAt, startedAt, endedAt, ...job }: AdminJob): JobView {
  return {
    ...job,
    projection: service,
    state: state.toUpperCase() as JobView['state'],
    createdAt: moment(createdAt),
    startedAt: startedAt === undefined ? undefined : moment(startedAt),
    endedAt: endedAt === undefined ? undefined : moment(endedAt),
  };
}

export function viewMembers(members: readonly Member[]): MembersView {
  return { members: members.map((member) => ({ ...member, startedAt: moment(member.startedAt) })) };
}

function moment(ms: number): string {
  return new Date(ms).toISOString();
}
