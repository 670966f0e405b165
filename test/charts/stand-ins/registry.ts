import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';

/** An OCI registry in memory, with as much of the distribution API as helm asks for. */
export function createRegistry(): Server {
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, { readonly type: string; readonly body: Buffer }>();
  return createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry');
      const [, name = '', kind = '', reference = ''] =
        /^\/v2\/(.+)\/(blobs|manifests)\/(.*)$/.exec(pathname) ?? [];
      const digest = digestOf(body);
      const send = (status: number, headers: Record<string, string> = {}, content?: Buffer) =>
        response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : content);
      const told = { 'docker-content-digest': digest };
      if (request.method === 'POST') return send(202, { location: `/v2/${name}/blobs/uploads/1` });
      if (request.method === 'PUT' && kind === 'blobs') {
        if (searchParams.get('digest') !== digest) return send(400);
        blobs.set(digest, body);
        return send(201, told);
      }
      if (request.method === 'PUT') {
        const manifest = { type: request.headers['content-type'] ?? '', body };
        for (const each of [reference, digest]) manifests.set(`${name}:${each}`, manifest);
        return send(201, told);
      }
      const manifest = manifests.get(`${name}:${reference}`);
      const found = kind === 'blobs' ? blobs.get(reference) : manifest?.body;
      if (!found) return send(pathname === '/v2/' ? 200 : 404);
      const headers = {
        'content-type': manifest?.type ?? 'application/octet-stream',
        'content-length': String(found.length),
        'docker-content-digest': digestOf(found),
      };
      return send(200, headers, found);
    });
  });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
