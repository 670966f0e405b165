import { runService } from '@flashmesh/service';
import { notificationEnv } from './env.ts';
import { NotificationModule } from './notification.module.ts';
import { Notifications } from './store/notifications.ts';

await runService({
  name: 'notification',
  env: notificationEnv,
  module: NotificationModule,
  jobs: (app) => ({ rebuild: (signal) => app.get(Notifications).renew(signal) }),
  consumerPaceMs: 100,
});
