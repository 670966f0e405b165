/** For the specs of what is built on this client: an ensemble in the same process, with a clock that they advance. */
export { runClients } from './simulation/client-workload.ts';
export { Prng } from './simulation/prng.ts';
export { runSeeds } from './simulation/seeds.ts';
export { dustSettled, eventually, leaveNothing } from './simulation/settle.ts';
export { type SimulatedClient, Simulation } from './simulation/simulation.ts';
export { armedBy } from './simulation/watch-ledger.ts';
