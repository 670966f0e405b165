import { readFile } from 'node:fs/promises';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';

// The bundler sees these and puts the files beside the bundle: the page needs no network.
const assets = {
  'swagger-ui.css': { url: new URL('swagger-ui-dist/swagger-ui.css', import.meta.url), type: 'text/css' },
  'swagger-ui-bundle.js': {
    url: new URL('swagger-ui-dist/swagger-ui-bundle.js', import.meta.url),
    type: 'text/javascript',
  },
};

const START = `window.ui = SwaggerUIBundle({
  url: '/docs-json', dom_id: '#ui', deepLinking: true, persistAuthorization: true, tryItOutEnabled: true, validatorUrl: null,
});`;

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Flashmesh API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

/** Serves the OpenAPI document at /docs-json and a page to try it at /docs. The document is made at the first question. */
export function serveDocs(server: FastifyInstance, makeDocument: () => OpenAPIObject): void {
  let document: string | undefined;
  server.get('/docs-json', (_, reply) => {
    document ??= JSON.stringify(makeDocument());
    return reply.type('application/json').send(document);
  });
  for (const path of ['/docs', '/docs/']) {
    server.get(path, (_, reply) => reply.type('text/html; charset=utf-8').send(PAGE));
  }
  server.get('/docs/start.js', (_, reply) => reply.type('text/javascript').send(START));
  for (const [name, { url, type }] of Object.entries(assets)) {
    server.get(`/docs/${name}`, async (_, reply) => {
      reply.type(type).header('cache-control', 'max-age=3600');
      return readFile(url);
    });
  }
}
