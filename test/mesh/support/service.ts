/**
 * A replica of {@link Echo} as the services of the shop are: by `runService`, with all that it connects to. Beside the variables of
 * every service it reads `SERVICE`, its name, and `DELAY_MS` before each answer.
 */
import { sleep } from '@flashmesh/core';
import { Rpc } from '@flashmesh/rpc';
import { Echo, type EchoResponse } from '@flashmesh/rpc/testing';
import { runService } from '@flashmesh/service';
import { Controller, Module } from '@nestjs/common';
import { z } from 'zod';

const { SERVICE = '', DELAY_MS = '0' } = process.env;

@Controller()
class EchoController {
  @Rpc(Echo, 'read')
  async read(): Promise<EchoResponse> {
    await sleep(Number(DELAY_MS));
    return { text: '', pid: process.pid };
  }

  @Rpc(Echo, 'write')
  write(): Promise<EchoResponse> {
    return this.read();
  }
}

@Module({ controllers: [EchoController] })
class EchoModule {}

await runService({ name: SERVICE, env: z.object({}), module: EchoModule, services: [Echo] });
