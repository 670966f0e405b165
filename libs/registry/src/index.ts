export type { Announcement } from './announcement.ts';
export { Registry, type RegistryOptions } from './registry.ts';
