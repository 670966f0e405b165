import { Inject } from '@nestjs/common';

const ENV = Symbol('flashmesh.env');
const LOGGER = Symbol('flashmesh.logger');
const CLOCK = Symbol('flashmesh.clock');

/** @internal */
export const tokens = { ENV, LOGGER, CLOCK };

/** Injects the checked environment: `BaseEnv` and the service's own variables. */
export const InjectEnv = (): ParameterDecorator => Inject(ENV);

/** Injects the service's pino logger. */
export const InjectLogger = (): ParameterDecorator => Inject(LOGGER);

/** Injects the `Clock`. */
export const InjectClock = (): ParameterDecorator => Inject(CLOCK);
