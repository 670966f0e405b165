import { z } from 'zod';

/** Notification needs nothing beyond what every service reads. */
export const notificationEnv = z.object({});
