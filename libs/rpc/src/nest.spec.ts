import 'reflect-metadata';
import { inventory } from '@flashmesh/contracts';
import { FlashmeshError, invalidArgument, messageOf } from '@flashmesh/core';
import {
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExecutionContext,
  type ExceptionFilter,
  type INestMicroservice,
  Injectable,
  type LoggerService,
  Module,
  type NestInterceptor,
  type PipeTransform,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EMPTY, map, type Observable, throwError } from 'rxjs';
import type { CallContext } from './call-context.ts';
import { currentCall } from './call-context.ts';
import type { IncomingCall } from './incoming-call.ts';
import { Inventory, LogLines, stockOf } from './mesh.fixture.ts';
import { closeMeshClients, createMeshClient, type MeshClient } from './mesh-client.ts';
import { InjectClient, MeshClientModule } from './mesh-client.module.ts';
import { MeshServer } from './mesh-server.ts';
import { Rpc } from './rpc.decorator.ts';
import type { RpcHandlers } from './service-definition.ts';

class HeaderGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToRpc().getContext<IncomingCall>().header('x-stranger') === undefined;
  }
}

class NotBlank implements PipeTransform {
  transform(value: unknown): unknown {
    const { sku } = value as { sku?: string };
    if (sku === 'blank') throw invalidArgument('sku', 'must not be blank');
    if (sku === 'http') throw new BadRequestException('the HTTP way');
    return value;
  }
}

class Marker implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.switchToRpc().getData<inventory.GetStockRequest>().sku !== 'mark') return next.handle();
    return next
      .handle()
      .pipe(map(() => stockOf(`marked ${currentCall() === context.switchToRpc().getContext()}`)));
  }
}

class OddError extends Error {}

@Catch(OddError)
class OddFilter implements ExceptionFilter {
  catch(error: OddError, _host: ArgumentsHost): Observable<never> {
    return throwError(() => new FlashmeshError('aborted', 'ODD', messageOf(error)));
  }
}

@Catch(RangeError)
class GlobalRangeFilter implements ExceptionFilter {
  catch(error: RangeError): Observable<never> {
    return throwError(() => invalidArgument('sku', error.message));
  }
}

@Injectable()
class Greeting {
  readonly text = 'hello';
}

@Controller()
@UseFilters(OddFilter)
class StockController implements RpcHandlers<typeof Inventory> {
  constructor(private readonly greeting: Greeting) {}

  @Rpc(Inventory, 'getStock')
  @UseGuards(HeaderGuard)
  @UseInterceptors(Marker)
  @UsePipes(NotBlank)
  async getStock({ sku }: inventory.GetStockRequest, call: CallContext): Promise<inventory.GetStockResponse> {
    if (sku === 'known') throw new FlashmeshError('not_found', 'NO_STOCK', 'this SKU never had stock');
    if (sku === 'odd') throw new OddError('very odd');
    if (sku === 'range') throw new RangeError('is out of range');
    if (sku === 'bug') throw new TypeError('secret detail');
    return stockOf(`${this.greeting.text} ${sku} ${currentCall() === call} ${call.remainingMs() > 0}`);
  }

  @Rpc(Inventory, 'checkAdmission')
  checkAdmission(): Observable<inventory.CheckAdmissionResponse> {
    return EMPTY;
  }

  @Rpc(Inventory, 'restock')
  async restock(): Promise<inventory.RestockResponse> {
    return inventory.RestockResponse.create();
  }

  @Rpc(Inventory, 'fenceSale')
  async fenceSale(): Promise<inventory.FenceSaleResponse> {
    return inventory.FenceSaleResponse.create();
  }
}

@Injectable()
class Consumer {
  constructor(@InjectClient(Inventory) readonly inventory: MeshClient<typeof Inventory>) {}
}

@Module({ controllers: [StockController], providers: [Greeting] })
class StockModule {}

class NestLog implements LoggerService {
  readonly errors: unknown[] = [];
  log(): void {}
  warn(): void {}
  error(error: unknown): void {
    this.errors.push(error);
  }
}

describe('under Nest', () => {
  const log = new LogLines();
  const nestLog = new NestLog();
  let app: INestMicroservice;
  let client: MeshClient<typeof Inventory>;
  let server: MeshServer;

  beforeAll(async () => {
    server = new MeshServer({ services: [Inventory], host: '127.0.0.1', port: 0, logger: log.logger });
    app = await NestFactory.createMicroservice(StockModule, { strategy: server, logger: nestLog });
    app.useGlobalFilters(new GlobalRangeFilter());
    await app.listen();
    client = createMeshClient(Inventory, { target: `127.0.0.1:${server.port}` });
  });
  afterAll(async () => {
    closeMeshClients();
    await app.close();
  });

  it('calls the handler with the request and its call', async () => {
    expect((await client.getStock({ sku: 'x' })).stock?.sku).toBe('hello x true true');
    expect(log.lines).toEqual([]);
  });

  it('passes a FlashmeshError of the handler on, unlogged', async () => {
    await expect(client.getStock({ sku: 'known' })).rejects.toMatchObject({
      kind: 'not_found',
      code: 'NO_STOCK',
      message: 'this SKU never had stock',
    });
    expect([nestLog.errors, log.lines]).toEqual([[], []]);
  });

  it('asks guards', async () => {
    await expect(client.getStock({ sku: 'x' }, { metadata: { 'x-stranger': '1' } })).rejects.toMatchObject({
      kind: 'permission_denied',
      message: 'Forbidden resource',
    });
  });

  it('runs pipes, and knows both kinds of their errors', async () => {
    await expect(client.getStock({ sku: 'blank' })).rejects.toMatchObject({
      kind: 'invalid_argument',
      field: 'sku',
    });
    await expect(client.getStock({ sku: 'http' })).rejects.toMatchObject({
      kind: 'invalid_argument',
      message: 'the HTTP way',
    });
  });

  it('asks filters of the class and of the application', async () => {
    await expect(client.getStock({ sku: 'odd' })).rejects.toMatchObject({ kind: 'aborted', code: 'ODD' });
    await expect(client.getStock({ sku: 'range' })).rejects.toMatchObject({
      kind: 'invalid_argument',
      message: 'sku is out of range',
    });
  });

  it('hides and logs what nobody meant', async () => {
    await expect(client.getStock({ sku: 'bug' })).rejects.toMatchObject({
      kind: 'internal',
      message: 'internal error',
    });
    expect(nestLog.errors).toHaveLength(1);
    expect(messageOf(nestLog.errors[0])).toBe('secret detail');
    expect(log.lines).toEqual([]);
  });

  it('runs interceptors inside the call', async () => {
    expect((await client.getStock({ sku: 'mark' })).stock?.sku).toBe('marked true');
    expect(await client.restock({})).toEqual({});
  });

  it('answers an empty Observable with an error', async () => {
    await expect(client.checkAdmission({})).rejects.toMatchObject({ kind: 'internal' });
  });

  it('injects clients', async () => {
    @Module({
      imports: [MeshClientModule.register([{ definition: Inventory, target: `127.0.0.1:${server.port}` }])],
      providers: [Consumer],
    })
    class ConsumerModule {}
    const context = await NestFactory.createApplicationContext(ConsumerModule, { logger: nestLog });
    const consumer = context.get(Consumer);
    expect((await consumer.inventory.getStock({ sku: 'z' })).stock?.sku).toBe('hello z true true');
    await context.close();
    const twice = [
      { definition: Inventory, target: 'a:1' },
      { definition: Inventory, target: 'b:1' },
    ];
    expect(() => MeshClientModule.register(twice)).toThrow('is registered twice');
  });
});
