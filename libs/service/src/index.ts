export { AdminJobs, type AdminJobsOptions, type JobHandler } from './admin-jobs.ts';
export { type BaseEnv, loadEnv, type ServiceEnv } from './env.ts';
export { Health, type Readiness } from './health.ts';
export type { AdminJob } from './job-records.ts';
export { LiveSettings, type SettingsDefinition, settingsPath } from './live-settings.ts';
export { type Member, Members, type MembersOptions } from './members.ts';
export { runService, serviceClient, type ServiceClient, type ServiceOptions } from './run-service.ts';
export { InjectClock, InjectEnv, InjectLogger } from './tokens.ts';
