export { eventually } from './eventually.ts';
export { OpCode } from '../op-codes.ts';
export { ScriptedServer, type SeenRequest, writeStat } from './scripted-server.ts';
export { freePorts, ZooKeeperServer } from './zookeeper-server.ts';
export { type Directions, TcpProxy } from './tcp-proxy.ts';
/** For the specs of what is built on this client: an ensemble in the same process, with a clock that they advance. */
export { runClients } from './simulation/client-workload.ts';
export { Prng } from './simulation/prng.ts';
export { runSeeds } from './simulation/seeds.ts';
export { dustSettled, holdsInTime, leaveNothing } from './simulation/settle.ts';
export { type SimulatedClient, Simulation } from './simulation/simulation.ts';
export { armedBy } from './simulation/watch-ledger.ts';
