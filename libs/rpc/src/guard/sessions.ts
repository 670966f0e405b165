import { constants, type ServerHttp2Session } from 'node:http2';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { judgePeer, NO_CERTIFICATE, type Peer } from '../identity/peer.ts';
import type { ServiceNaming } from '../identity/service-naming.ts';

/** The highest number that a stream can have. */
const LAST_STREAM = 2 ** 31 - 1;

/**
 * The connections that have made calls, and who is behind each. grpc-js asks a socket for its certificate anew at every call,
 * which costs more than all other checks, and hides connections from interceptors: hence a private field of it is read here.
 * Were it gone, callers would count as having no certificate, and a test would say so. @internal
 */
export class Sessions {
  private readonly peers = new Map<ServerHttp2Session, Peer>();
  private readonly naming: ServiceNaming | undefined;

  /** Without `naming`, nobody is asked who they are. */
  constructor(naming: ServiceNaming | undefined) {
    this.naming = naming;
  }

  peerOf(call: ServerInterceptingCallInterface): Peer {
    const session = sessionOf(call);
    if (!session) return NO_CERTIFICATE;
    let peer = this.peers.get(session);
    if (!peer) {
      peer = this.naming ? judgePeer(session, this.naming) : NO_CERTIFICATE;
      this.peers.set(session, peer);
      session.once('close', () => this.peers.delete(session));
    }
    return peer;
  }

  /**
   * Asks every caller to make its next calls elsewhere: a GOAWAY that names no last call (RFC 9113, 6.8). The one that names it
   * comes with the shutdown. By the RFC those that are on their way would still be taken, but Node's HTTP/2 reads none that arrive
   * after any GOAWAY: they end with the second one, as refused, and callers send them elsewhere.
   */
  sayGoodbye(): void {
    for (const session of this.peers.keys()) {
      if (!session.closed && !session.destroyed) session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM);
    }
  }
}

function sessionOf(call: ServerInterceptingCallInterface): ServerHttp2Session | undefined {
  return (call as { stream?: { session?: ServerHttp2Session } }).stream?.session;
}
