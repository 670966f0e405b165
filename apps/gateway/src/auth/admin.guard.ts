import { FlashmeshError } from '@flashmesh/core';
import { InjectEnv } from '@flashmesh/service';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { GatewayEnv } from '../env.ts';
import { bearerToken } from './bearer.ts';
import { equalInConstantTime } from './buyer-tokens.ts';

/** Lets a request through when its bearer token is the admin's. */
@Injectable()
export class AdminGuard implements CanActivate {
  private readonly adminToken: string;

  constructor(@InjectEnv() env: GatewayEnv) {
    this.adminToken = env.ADMIN_TOKEN;
  }

  /** @throws FlashmeshError `unauthenticated`: `TOKEN_MISSING`, or `TOKEN_INVALID` with any other token. */
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (!equalInConstantTime(bearerToken(request.headers.authorization), this.adminToken))
      throw new FlashmeshError('unauthenticated', 'TOKEN_INVALID', 'this needs the token of an admin');
    return true;
  }
}
