import { Metadata } from '@grpc/grpc-js';
import { ClientGrpcProxy } from '@nestjs/microservices';
import { firstValueFrom, type Observable } from 'rxjs';
import { type Call, DEADLINE_MS, type Target } from './caller.ts';
import { Echo, grpcEcho, PACKAGE, PAYLOAD } from './echo.ts';
import { roundRobin } from './grpc-js.ts';

interface EchoClient {
  call(payload: Buffer, metadata: Metadata, options: { deadline: number }): Observable<Buffer>;
}

/** Nest's own client as its documentation has it; it balances by what grpc-js is told in its channel options. */
export function nestCaller(target: Target): Call {
  const { url, credentials, options } = roundRobin(target);
  const client = new ClientGrpcProxy({
    url,
    credentials,
    channelOptions: options,
    package: PACKAGE,
    packageDefinition: { [Echo.fullName]: grpcEcho },
  });
  const echo = client.getService<EchoClient>(Echo.name);
  return () => firstValueFrom(echo.call(PAYLOAD, new Metadata(), { deadline: Date.now() + DEADLINE_MS }));
}
