import { event } from '@flashmesh/contracts';
import { Rpc } from '@flashmesh/rpc';
import { Controller } from '@nestjs/common';
import { Ingest } from './ingest.ts';

/** Events of outside systems come in. */
@Controller()
export class IngestController {
  private readonly ingest: Ingest;

  constructor(ingest: Ingest) {
    this.ingest = ingest;
  }

  @Rpc(event.IngestDefinition, 'receive')
  receive(received: event.Event): Promise<event.Reply> {
    return this.ingest.receive(received);
  }
}
