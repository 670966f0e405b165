import { IdSource, Queue } from '@flashmesh/coordination';
import { type Clock, FlashmeshError, messageOf, systemClock } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { type AdminJob, isOver, JobRecords } from './job-records.ts';

/**
 * Does a job. The signal aborts when this instance stops, when the job takes too long, and as soon as it may be another instance's: the
 * session by which this one has it is in doubt. It may be called again for the same job.
 */
export type JobHandler = (signal: AbortSignal) => Promise<void>;

export interface AdminJobsOptions {
  /** Unique name of this process. */
  readonly instance: string;
  readonly logger: Logger;
  /** Jobs that may wait for a service; the next one is refused. @default 16 */
  readonly maxWaiting?: number;
  /** How long a job may take, in milliseconds. @default 600000 */
  readonly timeoutMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
  /** The node beneath which everything is. @default '/flashmesh' */
  readonly root?: string;
}

/** A job whose takers died this often will hardly find one that does not. */
const MAX_ATTEMPTS = 5;

/**
 * Jobs of an administrator: each waits in the queue of its service, in order, and is done by one instance of it. An instance that dies
 * leaves the job to another, which begins it again. What became of it is on record.
 */
export class AdminJobs {
  private readonly zk: ZooKeeper;
  private readonly instance: string;
  private readonly logger: Logger;
  private readonly maxWaiting: number;
  private readonly timeoutMs: number;
  private readonly clock: Clock;
  private readonly root: string;
  private readonly records: JobRecords;
  private readonly ids: IdSource;

  constructor(zk: ZooKeeper, o: AdminJobsOptions) {
    this.zk = zk;
    this.instance = o.instance;
    this.logger = o.logger;
    this.maxWaiting = o.maxWaiting ?? 16;
    this.timeoutMs = o.timeoutMs ?? 600_000;
    this.clock = o.clock ?? systemClock;
    this.root = o.root ?? '/flashmesh';
    this.records = new JobRecords(zk, `${this.root}/jobs`);
    this.ids = new IdSource(zk, `${this.root}/workers`, o.instance, { clock: this.clock });
  }

  /**
   * Puts a job into the queue of the service.
   *
   * @throws FlashmeshError `resource_exhausted` (`QUEUE_FULL`, `NO_WORKER_ID`): there is no such job. ZooKeeperError: nobody knows.
   */
  async submit(service: string, kind: string): Promise<AdminJob> {
    await this.records.prune();
    const job: AdminJob = {
      id: `job_${await this.ids.next()}`,
      service,
      kind,
      state: 'waiting',
      attempts: 0,
      createdAt: this.clock.now(),
    };
    await this.queueOf(service).put(job.id, [this.records.creation(job)]);
    this.logger.info({ job: job.id, of: service, kind }, 'job submitted');
    return job;
  }

  /** @throws FlashmeshError `not_found` (`JOB_NOT_FOUND`): there is none, or it is over for long. */
  async find(id: string): Promise<AdminJob> {
    const found = await this.records.find(id);
    if (!found) throw new FlashmeshError('not_found', 'JOB_NOT_FOUND', `there is no job ${id}`);
    return found.job;
  }

  /** Does the jobs of the service, one at a time, until the signal aborts. @param handlers by kind. */
  consume(
    service: string,
    handlers: Readonly<Record<string, JobHandler>>,
    signal: AbortSignal,
  ): Promise<void> {
    return this.queueOf(service).consume((id, until) => this.work(id.toString(), handlers, until), signal);
  }

  /** Gives up what makes ids. */
  close(): Promise<void> {
    return this.ids.close();
  }

  private queueOf(service: string): Queue {
    return new Queue(this.zk, `${this.root}/queue/${service}`, {
      maxItems: this.maxWaiting,
      logger: this.logger,
      clock: this.clock,
    });
  }

  private async work(
    id: string,
    handlers: Readonly<Record<string, JobHandler>>,
    signal: AbortSignal,
  ): Promise<void> {
    const found = await this.records.find(id);
    // Who did it may have died before it could take it out of the queue.
    if (!found || isOver(found.job)) return;
    const { job } = found;
    if (job.attempts >= MAX_ATTEMPTS) {
      const fault = `given up: ${job.attempts} instances began it, and none ended it`;
      await this.records.update({ ...job, state: 'failed', endedAt: this.clock.now(), fault }, found.version);
      return;
    }
    const started: AdminJob = {
      ...job,
      state: 'running',
      attempts: job.attempts + 1,
      startedAt: this.clock.now(),
      takenBy: this.instance,
    };
    const version = await this.records.update(started, found.version);
    this.logger.info({ job: id, kind: job.kind, attempt: started.attempts }, 'job begun');
    const ended = await this.run(started, handlers, signal);
    this.logger.info({ job: id, state: ended.state, fault: ended.fault }, 'job ended');
    // Refused when the session was lost meanwhile and another has begun it again: it tells how the job ends.
    await this.records.update(ended, version);
  }

  /** The job as it ended. @throws what the handler threw because this instance stops or lost the job: another one does it. */
  private async run(
    job: AdminJob,
    handlers: Readonly<Record<string, JobHandler>>,
    signal: AbortSignal,
  ): Promise<AdminJob> {
    const late = new AbortController();
    const timer = this.clock.after(this.timeoutMs, () =>
      late.abort(
        new FlashmeshError('deadline_exceeded', 'JOB_TIMEOUT', `it took longer than ${this.timeoutMs} ms`),
      ),
    );
    try {
      const handler = Object.hasOwn(handlers, job.kind) ? handlers[job.kind] : undefined;
      if (!handler) throw new FlashmeshError('unimplemented', 'NO_SUCH_JOB', `nobody here does ${job.kind}`);
      await handler(AbortSignal.any([signal, late.signal]));
      return { ...job, state: 'done', endedAt: this.clock.now() };
    } catch (error) {
      if (signal.aborted) throw error;
      this.logger.warn({ err: error, job: job.id }, 'a job failed');
      return { ...job, state: 'failed', endedAt: this.clock.now(), fault: messageOf(error) };
    } finally {
      timer.cancel();
    }
  }
}
