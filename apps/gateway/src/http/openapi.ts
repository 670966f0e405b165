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
  const document = SwaggerModule.createDocument(app, config, {
    standardSchemaConverter: (schema, { schemaType }) => toOpenApi(schema as z.ZodType, schemaType),
  });
  const { components } = toOpenApi(problemView, 'output');
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, ...components },
  };
  return document;
}

/** A schema and the named ones in it; a schema that has a name itself becomes a reference to it. */
function toOpenApi(schema: z.ZodType, io: 'input' | 'output'): { schema: object; components: SchemaObjects } {
  const { $schema, $defs, id, ...converted } = z.toJSONSchema(schema, { target: 'openapi-3.0', io });
  const components: Record<string, object> = {};
  for (const [name, definition] of Object.entries($defs ?? {})) {
    const { id: _, ...rest } = definition as { id?: string };
    components[name] = rest;
  }
  if (typeof id !== 'string') return { schema: converted, components: components as SchemaObjects };
  components[id] = converted;
  return { schema: { $ref: `#/components/schemas/${id}` }, components: components as SchemaObjects };
}
