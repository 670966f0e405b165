import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { bearerToken } from './bearer.ts';
import { BuyerTokens } from './buyer-tokens.ts';

/** The buyers of the requests under way. */
const buyers = new WeakMap<FastifyRequest, string>();

/** Lets a request through when its bearer token is a buyer's. */
@Injectable()
export class BuyerGuard implements CanActivate {
  private readonly tokens: BuyerTokens;

  constructor(tokens: BuyerTokens) {
    this.tokens = tokens;
  }

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    buyers.set(request, this.tokens.verify(bearerToken(request.headers.authorization)).buyerId);
    return true;
  }
}

/** Injects the id of the buyer that {@link BuyerGuard} found. */
export const BuyerId: (...pipes: (Type<PipeTransform> | PipeTransform)[]) => ParameterDecorator =
  createParamDecorator((_: unknown, context: ExecutionContext) =>
    buyers.get(context.switchToHttp().getRequest<FastifyRequest>()),
  );
