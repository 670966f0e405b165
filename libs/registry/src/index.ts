export type { Announcement } from './announcement.ts';
export { Registry, type RegistryOptions } from './registry.ts';
export type { ServiceMetadata } from './service-metadata.ts';
