export { type BaseEnv, loadEnv, type ServiceEnv } from './env.ts';
export { Health, type Readiness } from './health.ts';
export { runService, serviceClient, type ServiceClient, type ServiceOptions } from './run-service.ts';
export { InjectClock, InjectEnv, InjectLogger } from './tokens.ts';
