import type { PeerCertificate } from 'node:tls';
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  credentials,
  Metadata,
  status as Status,
} from '@grpc/grpc-js';
import { type Call, DEADLINE_MS, type Target } from './caller.ts';
import { readCertificates, SERVER_ID, SERVICE } from './certificates.ts';
import { PATH, PAYLOAD, same } from './echo.ts';

/** What grpc-js needs to reach every server by its own round robin, and to know that it is the right one. */
export function roundRobin({ ports, certificates }: Target): {
  readonly url: string;
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
} {
  const options: ChannelOptions = {
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    'grpc.enable_channelz': 0,
  };
  const url = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
  if (!certificates) return { url, credentials: credentials.createInsecure(), options };
  const { cert, key, ca } = readCertificates(certificates);
  return {
    url,
    credentials: credentials.createSsl(ca, key, cert, { checkServerIdentity }),
    // Node refuses an IP address as the name to ask for.
    options: { ...options, 'grpc.ssl_target_name_override': SERVICE },
  };
}

function checkServerIdentity(_host: string, { subjectaltname }: PeerCertificate): Error | undefined {
  return subjectaltname === `URI:${SERVER_ID}` ? undefined : new Error(`the server is ${subjectaltname}`);
}

/** grpc-js' own client with its own round robin and a deadline: what a careful user would have without us. */
export function clientCaller(target: Target): Call {
  const { url, credentials, options } = roundRobin(target);
  const client = new Client(url, credentials, options);
  return () =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        PATH,
        same,
        same,
        PAYLOAD,
        { deadline: Date.now() + DEADLINE_MS },
        (error, answer) => (error ? reject(error) : resolve(answer)),
      );
    });
}

/** The channel beneath that client, called as the mesh does: what is left of the difference is balancing and retries. */
export function channelCaller(target: Target): Call {
  const { url, credentials, options } = roundRobin(target);
  const channel = new Client(url, credentials, options).getChannel();
  return () =>
    new Promise((resolve, reject) => {
      const call = channel.createCall(PATH, Date.now() + DEADLINE_MS, null, null, null);
      let answer: Buffer | undefined;
      call.start(new Metadata(), {
        onReceiveMetadata() {},
        onReceiveMessage(bytes: Buffer) {
          answer = bytes;
        },
        onReceiveStatus: ({ code, details }) =>
          code === Status.OK ? resolve(answer) : reject(new Error(details)),
      });
      call.startRead();
      call.sendMessageWithContext({}, PAYLOAD);
      call.halfClose();
    });
}
