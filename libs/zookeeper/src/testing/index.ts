export { eventually } from './eventually.ts';
export { OpCode } from '../op-codes.ts';
export { ScriptedServer, type SeenRequest, writeStat } from './scripted-server.ts';
export { type Directions, TcpProxy } from './tcp-proxy.ts';
