import { CallCredentials, ChannelCredentials, type experimental } from '@grpc/grpc-js';

/** Whether an address is the machine's own, where nobody else can listen in. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(address);
}

/**
 * Plain text to this machine only. Looks at the address that a connection has reached, so it does not matter how the target
 * was named. @internal
 */
export class LoopbackCredentials extends ChannelCredentials {
  override _isSecure(): boolean {
    return false;
  }

  override _equals(other: ChannelCredentials): boolean {
    return other instanceof LoopbackCredentials;
  }

  override _createSecureConnector(
    _target: unknown,
    _options: unknown,
    callCredentials: CallCredentials = CallCredentials.createEmpty(),
  ): experimental.SecureConnector {
    return {
      connect: (socket) => {
        const { remoteAddress } = socket;
        if (remoteAddress === undefined || isLoopback(remoteAddress)) {
          return Promise.resolve({ socket, secure: false });
        }
        return Promise.reject(
          new Error(
            `plain text is for loopback addresses only, not for ${remoteAddress}: use TLS, or say so`,
          ),
        );
      },
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials,
      destroy: () => undefined,
    };
  }
}
