import { runService } from '@flashmesh/service';
import { notificationEnv } from './env.ts';
import { NotificationModule } from './notification.module.ts';

await runService({
  name: 'notification',
  env: notificationEnv,
  module: NotificationModule,
  consumerPaceMs: 100,
});
