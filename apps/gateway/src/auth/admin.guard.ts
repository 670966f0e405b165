import { FlashmeshError } from '@flashmesh/core';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { bearerToken } from './bearer.ts';
import { equalInConstantTime } from './buyer-tokens.ts';

/** What admins present as a bearer token. */
export class AdminToken {
  private readonly token: string;

  constructor(token: string) {
    this.token = token;
  }

  matches(presented: string): boolean {
    return equalInConstantTime(presented, this.token);
  }
}

/** Lets a request through when its bearer token is the admin's. */
@Injectable()
export class AdminGuard implements CanActivate {
  private readonly token: AdminToken;

  constructor(token: AdminToken) {
    this.token = token;
  }

  /** @throws FlashmeshError `unauthenticated`: `TOKEN_MISSING`, or `TOKEN_INVALID` with any other token. */
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (!this.token.matches(bearerToken(request.headers.authorization))) {
      throw new FlashmeshError('unauthenticated', 'TOKEN_INVALID', 'this needs the token of an admin');
    }
    return true;
  }
}
