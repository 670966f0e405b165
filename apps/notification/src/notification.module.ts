import { Module } from '@nestjs/common';
import { NotificationController } from './notification.controller.ts';
import { Notifications } from './store/notifications.ts';

/** Notification: tells each buyer once how the order ended. */
@Module({ controllers: [NotificationController], providers: [Notifications] })
export class NotificationModule {}
