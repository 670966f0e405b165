import { invalidArgument } from '@flashmesh/core';
import { Body, Controller, Delete, Get, Headers, Param, Put, Res, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { PublishedSettings } from '../admin/published-settings.ts';
import { AdminGuard } from '../auth/admin.guard.ts';
import { Refuses } from '../http/openapi.ts';
import { versionToMatch } from '../http/validation.ts';
import { settingsView, type SettingsView } from './admin-schemas.ts';

const ifMatch = ApiHeader({
  name: 'If-Match',
  required: false,
  description: 'Only if the version is still this one.',
  example: '"3"',
});

/** Limits and fault switches of the services, while they run. */
@Controller('api/admin/config')
@UseGuards(AdminGuard)
@ApiTags('admin')
@ApiBearerAuth('admin')
export class ConfigController {
  private readonly published: PublishedSettings;

  constructor(published: PublishedSettings) {
    this.published = published;
  }

  @Get(':service')
  @ApiOperation({
    summary: 'The settings of a service',
    description: 'What is not set has the value of the environment.',
  })
  @ApiResponse({
    status: 200,
    description: 'The settings; their version as ETag.',
    standardSchema: settingsView,
  })
  @Refuses(401, 404, 503, 504)
  async read(
    @Param('service') service: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SettingsView> {
    const published = await this.published.read(service);
    reply.header('etag', `"${published.version}"`);
    const { version } = published;
    if ('fault' in published) return { service, version, fault: published.fault };
    return { service, version, settings: published.value };
  }

  @Put(':service')
  @ApiOperation({
    summary: 'Set the settings of a service',
    description:
      'All of them: what is left out has the value of the environment. Every instance takes them at once.',
  })
  @ifMatch
  @ApiBody({ schema: { $ref: '#/components/schemas/Settings' } })
  @ApiResponse({ status: 200, description: 'The settings as they are now.', standardSchema: settingsView })
  @Refuses(400, 401, 404, 412, 413, 415, 503, 504)
  publish(
    @Param('service') service: string,
    @Headers('if-match') match: string | undefined,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SettingsView> {
    if (typeof body !== 'object' || body === null) throw invalidArgument('body', 'must be a JSON object');
    return this.set(service, body, match, reply);
  }

  @Delete(':service')
  @ApiOperation({ summary: "Bring the environment's values back" })
  @ifMatch
  @ApiResponse({ status: 200, description: 'The settings, empty.', standardSchema: settingsView })
  @Refuses(400, 401, 404, 412, 503, 504)
  reset(
    @Param('service') service: string,
    @Headers('if-match') match: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SettingsView> {
    return this.set(service, {}, match, reply);
  }

  private async set(
    service: string,
    document: object,
    match: string | undefined,
    reply: FastifyReply,
  ): Promise<SettingsView> {
    const version = await this.published.publish(service, document, versionToMatch(match));
    reply.header('etag', `"${version}"`);
    return { service, version, settings: document };
  }
}
