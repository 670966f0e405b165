import { FlashmeshError } from '@flashmesh/core';
import type { Simulation } from '@flashmesh/zookeeper/testing';

/** How long the work of a spec may take at most, in simulated time. */
export const LIMIT_MS = 60_000;
export const SESSION_MS = 2000;

/** No server can be reached until the returned function is called. */
export function away(sim: Simulation): () => void {
  for (const server of sim.ensemble.servers) server.crash();
  return () => {
    for (const server of sim.ensemble.servers) server.restart();
  };
}

/** By which code it failed. */
export async function codeOf(failing: Promise<unknown>): Promise<string> {
  try {
    await failing;
  } catch (error) {
    if (error instanceof FlashmeshError) return error.code;
    throw error;
  }
  return 'it succeeded';
}
