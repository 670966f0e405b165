import { Health, type Readiness } from '@flashmesh/service';
import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';

/** The same answers as on the health port, for whoever knows only this one. */
@Controller()
@ApiExcludeController()
export class HealthController {
  private readonly health: Health;

  constructor(health: Health) {
    this.health = health;
  }

  @Get('livez')
  live(@Res({ passthrough: true }) reply: FastifyReply): { ok: boolean; detail?: string } {
    return answer(this.health.live(), reply);
  }

  @Get('readyz')
  ready(@Res({ passthrough: true }) reply: FastifyReply): Readiness {
    return answer(this.health.ready(), reply);
  }
}

function answer<T extends { readonly ok: boolean }>(state: T, reply: FastifyReply): T {
  reply.status(state.ok ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
  return state;
}
