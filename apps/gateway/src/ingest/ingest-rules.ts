import { event } from '@flashmesh/contracts';
import { ANYONE, defineRules } from '@flashmesh/rpc';

/** Events come from whoever has an identity here, in any language. */
export const ingestRules = defineRules(event.IngestDefinition, {
  receive: { callers: [ANYONE] },
});
