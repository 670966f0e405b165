import { type ServiceWithSettings, settings } from '@flashmesh/contracts';
import { Configuration, type Published } from '@flashmesh/coordination';
import { FlashmeshError } from '@flashmesh/core';
import { settingsPath } from '@flashmesh/service';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { Injectable } from '@nestjs/common';

/** What is published for the services to follow; nothing gets there that breaks a rule of theirs. */
@Injectable()
export class PublishedSettings {
  private readonly zookeeper: ZooKeeper;

  constructor(zookeeper: ZooKeeper) {
    this.zookeeper = zookeeper;
  }

  /** The document, or the rule that it breaks where somebody wrote it by hand. @throws FlashmeshError as {@link publish}. */
  read(service: string): Promise<Published<object>> {
    return this.of(service).read();
  }

  /**
   * Publishes the document; an empty one leaves all values to the environment. Versions only grow, as nothing is deleted here.
   *
   * @param fromVersion only if the version is still that one.
   * @returns its version.
   * @throws FlashmeshError `not_found` (`NO_SUCH_SETTINGS`), `invalid_argument` (`BAD_CONFIGURATION`) naming the field, `aborted`
   *   (`CONFIGURATION_CHANGED`): nothing is changed. ZooKeeperError.
   */
  publish(service: string, document: object, fromVersion?: number): Promise<number> {
    return this.of(service).publish(document, fromVersion);
  }

  private of(service: string): Configuration<object> {
    if (!Object.hasOwn(settings, service)) {
      throw new FlashmeshError('not_found', 'NO_SUCH_SETTINGS', `there are no settings of ${service}`);
    }
    const schema = settings[service as ServiceWithSettings];
    return new Configuration<object>(this.zookeeper, settingsPath(service), { schema, initial: {} });
  }
}
