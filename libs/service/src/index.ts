export { type BaseEnv, loadEnv, type ServiceEnv } from './env.ts';
export { Health, type Readiness } from './health.ts';
export { LiveSettings, type SettingsDefinition, settingsPath } from './live-settings.ts';
export { runService, type ServiceClient, type ServiceOptions } from './run-service.ts';
export { InjectClock, InjectEnv, InjectLogger } from './tokens.ts';
