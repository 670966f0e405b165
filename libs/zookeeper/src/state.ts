/**
 * Where the client stands with its session.
 *
 * - `connecting`: no session yet.
 * - `connected`: requests go out. With `readOnly` they go to a server that has no quorum: what is read may be old, writes fail with
 *   `ZK_NOT_READ_ONLY`, nothing can be held, and the client looks for a server that takes writes. On the way to and from it there is
 *   always a `suspended`. A session that only read-only servers have seen is worth nothing elsewhere: it is replaced by another
 *   without a `lost`, as it can have owned nothing, and its watches go on.
 * - `suspended`: the connection is gone, the session may live. Whoever holds a lock must stop using it.
 * - `lost`: the session is over, for good: its ephemeral nodes are gone or about to go, its watches are void. With
 *   `renewSession` a `connected` with another session id follows.
 * - `closed`: by the caller, for good.
 */
export type ConnectionState =
  | { readonly name: 'connecting' }
  | {
      readonly name: 'connected';
      readonly sessionId: bigint;
      /** Only ever with `ZooKeeperOptions.readOnly`. */
      readonly readOnly: boolean;
    }
  | {
      readonly name: 'suspended';
      readonly sessionId: bigint;
      /** Wall clock, milliseconds since the epoch. */
      readonly since: number;
    }
  | { readonly name: 'lost'; readonly sessionId: bigint; readonly reason: LossReason }
  | { readonly name: 'closed' };

/**
 * How the client knows that its session is over: the server said so; nothing was heard from any server for the whole session
 * timeout; or a server silently answered with another session.
 */
export type LossReason = 'expired' | 'suspected' | 'replaced';
