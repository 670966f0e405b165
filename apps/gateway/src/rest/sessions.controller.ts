import { randomUUID } from 'node:crypto';
import { Body, Controller, Post } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { BuyerTokens } from '../auth/buyer-tokens.ts';
import { Refuses } from '../http/openapi.ts';
import { validation } from '../http/validation.ts';
import { openSessionBody, type OpenSessionBody, sessionView, type SessionView } from './schemas.ts';

/** Whoever asks becomes a buyer: the shop is a sample, a real one would look who it is first. */
@Controller('api/sessions')
@ApiTags('sessions')
export class SessionsController {
  private readonly tokens: BuyerTokens;

  constructor(tokens: BuyerTokens) {
    this.tokens = tokens;
  }

  @Post()
  @ApiOperation({ summary: 'Become a buyer' })
  @ApiResponse({ status: 201, description: 'A new buyer and her token.', standardSchema: sessionView })
  @Refuses(400, 413, 415)
  open(@Body({ schema: openSessionBody, pipes: [validation] }) body: OpenSessionBody): SessionView {
    const { buyerId, token, expiresAt } = this.tokens.issue(`buy_${randomUUID().replaceAll('-', '')}`);
    return { buyerId, name: body?.name, token, expiresAt: new Date(expiresAt).toISOString() };
  }
}
