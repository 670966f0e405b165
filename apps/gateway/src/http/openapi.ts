import { STATUS_CODES } from 'node:http';
import { applyDecorators, type INestApplication } from '@nestjs/common';
import { ApiResponse, DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';
import { problemView } from '../rest/schemas.ts';

type SchemaObjects = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

/** Documents the statuses with which a route refuses: problem+json, each. */
export function Refuses(...statuses: number[]): MethodDecorator {
  const schema = { $ref: '#/components/schemas/Problem' };
  return applyDecorators(
    ...statuses.map((status) =>
      ApiResponse({
        status,
        description: STATUS_CODES[status] ?? '',
        content: { 'application/problem+json': { schema } },
      }),
    ),
  );
}

/** The OpenAPI document, made from the routes and from the very schemas that check what comes in. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Flashmesh')
    .setDescription('A flash-sale shop. Get a token from /api/sessions, then order.')
    .setVersion('1.0')
    .addBearerAuth({ type: 'http', description: 'A token of POST /api/sessions.' }, 'buyer')
    .addBearerAuth({ type: 'http', description: 'The token of the admin.' }, 'admin')
    .build();
  const document = SwaggerModule.createDocument(app, config);
  // No route answers with it by itself, so nobody has brought its schema in.
  const { definitions } = z.toJSONSchema(problemView, { target: 'openapi-3.0', io: 'output' });
  const schemas = { ...document.components?.schemas, ...(definitions as SchemaObjects) };
  document.components = { ...document.components, schemas };
  return document;
}
