import { AdminJobs, Members } from '@flashmesh/service';
import { Body, Controller, Get, HttpCode, Param, Post, Res, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminGuard } from '../auth/admin.guard.ts';
import { Refuses } from '../http/openapi.ts';
import { validation } from '../http/validation.ts';
import {
  jobBody,
  type JobBody,
  jobView,
  type JobView,
  membersView,
  type MembersView,
  viewJob,
  viewMembers,
} from './admin-schemas.ts';

/** Jobs that the services do for an admin, and which processes there are to do them. */
@Controller('api/admin')
@UseGuards(AdminGuard)
@ApiTags('admin')
@ApiBearerAuth('admin')
export class OperationsController {
  private readonly jobs: AdminJobs;
  private readonly members: Members;

  constructor(jobs: AdminJobs, members: Members) {
    this.jobs = jobs;
    this.members = members;
  }

  @Post('jobs')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Have a projection rebuilt from the log',
    description: 'Orders flow meanwhile; those of the part that is just being rebuilt wait for a moment.',
  })
  @ApiResponse({ status: 202, description: 'The job waits for an instance.', standardSchema: jobView })
  @Refuses(400, 401, 413, 415, 429, 503, 504)
  async submit(
    @Body({ schema: jobBody, pipes: [validation] }) { kind, projection }: JobBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobView> {
    const job = viewJob(await this.jobs.submit(projection, kind));
    reply.header('location', `/api/admin/jobs/${job.id}`);
    return job;
  }

  @Get('jobs/:id')
  @ApiOperation({ summary: 'How a job goes', description: 'The last hundred are remembered.' })
  @ApiResponse({ status: 200, description: 'The job.', standardSchema: jobView })
  @Refuses(401, 404, 503, 504)
  async find(@Param('id') id: string): Promise<JobView> {
    return viewJob(await this.jobs.find(id));
  }

  @Get('members')
  @ApiOperation({
    summary: 'Which processes there are',
    description: 'Every live instance of every service; one that died is listed until its session has ended.',
  })
  @ApiResponse({ status: 200, description: 'By service and instance.', standardSchema: membersView })
  @Refuses(401)
  list(): MembersView {
    return viewMembers(this.members.list());
  }
}
