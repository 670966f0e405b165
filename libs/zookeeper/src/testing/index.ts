export { eventually } from './eventually.ts';
export { type Directions, TcpProxy } from './tcp-proxy.ts';
