import { sleep } from '@flashmesh/core';
import { type MeshClient, MeshTls, useMeshSecurity } from '@flashmesh/rpc';
import {
  CertificateFolder,
  Echo,
  foreignCall,
  foreignCredentials,
  type Issued,
  serverCertificate,
  TestAuthority,
  warmUp,
} from '@flashmesh/rpc/testing';
import { status as Status } from '@grpc/grpc-js';
import { eventually } from '../support/eventually.ts';
import { MeshStage } from './support/mesh-stage.ts';
import { nameOf, quickTls } from './support/quick-tls.ts';

const { ZOOKEEPER = '127.0.0.1:2181' } = process.env;
const READ = `/${Echo.fullName}/${Echo.methods.read.name}`;
/** Longer than a connection lives here, so that none is left that was made before. */
const CONNECTIONS_MS = 1500;
/** So many answers in a row came over every connection that there is. */
const ALL_CONNECTIONS = 30;

describe('certificates of every process are replaced under load', () => {
  const [first, next] = [new TestAuthority('first'), new TestAuthority('next')];
  /** The caller's, then one for each replica: files as a mount has them. */
  const folders = Array.from({ length: 4 }, () => new CertificateFolder());
  const [own, ...theirs] = folders as [CertificateFolder, ...CertificateFolder[]];
  let stage: MeshStage;
  let tls: MeshTls | undefined;
  let ownLeaf: Issued;

  beforeAll(async () => {
    stage = await MeshStage.open({
      servers: ZOOKEEPER,
      sessionMs: 6000,
      program: 'replica.ts',
      env: { DELAY_MS: '5' },
    });
    for (const folder of folders) folder.write({ ca: first.cert });
    renew(first, 'caller');
    tls = new MeshTls(quickTls(own.path));
    useMeshSecurity(tls);
    await Promise.all(theirs.map((folder) => stage.start({ TLS_FOLDER: folder.path })));
  });

  afterAll(async () => {
    await stage?.close();
    tls?.close();
    useMeshSecurity('loopback');
    for (const folder of folders) folder.remove();
  });

  /** New leaves for all. @returns those of the replicas. */
  function renew(authority: TestAuthority, caller: string): Issued[] {
    ownLeaf = authority.issue({ names: [nameOf(caller)] });
    own.write(ownLeaf);
    tls?.refresh();
    return theirs.map((folder) => {
      const leaf = authority.issue({ names: [nameOf(stage.service)] });
      folder.write(leaf);
      return leaf;
    });
  }

  const ports = async () => {
    const announced = await stage.announced();
    return stage.replicas.map(({ id }) => Number(announced.get(id)?.address.split(':')[1]));
  };

  /** Every replica shows new connections its new certificate. */
  async function shown(leaves: readonly Issued[]): Promise<void> {
    const at = await ports();
    await eventually('the new certificates to be shown', async () => {
      const certificates = await Promise.all(at.map(serverCertificate));
      return certificates.every((certificate, i) => certificate === leaves[i]?.cert);
    });
  }

  /** Replaces the trusted authorities of all. Resolves when every replica takes `leaf` for a caller, or for none. */
  async function trust(bundle: string, leaf: Issued, status: Status): Promise<void> {
    for (const folder of folders) folder.write({ ca: bundle });
    tls?.refresh();
    const at = await ports();
    await eventually('the new authorities to be asked', async () => {
      const statuses = await Promise.all(at.map((port) => foreignStatus(port, leaf)));
      return statuses.every((found) => found === status);
    });
  }

  /** What a caller is told that believes everybody. */
  async function foreignStatus(port: number, leaf: Issued): Promise<Status> {
    const credentials = foreignCredentials(first.cert + next.cert, leaf);
    const [status] = await foreignCall(port, READ, credentials, Buffer.from('{}'));
    return status;
  }

  /** Whoever answers takes this process for `caller`. */
  async function known(client: MeshClient<typeof Echo>, caller: string): Promise<void> {
    let inARow = 0;
    await eventually(`to be taken for ${caller}`, async () => {
      inARow = (await client.read({})).text === caller ? inARow + 1 : 0;
      return inARow >= ALL_CONNECTIONS;
    });
  }

  it('first the leaves, then the authority: no call fails, and nothing old is shown or believed afterwards', async () => {
    const client = stage.client();
    await warmUp(theirs.length, () => client.read({}));
    await known(client, 'caller');

    const leaves = await stage.whileCalling(client, async () => {
      await shown(renew(first, 'caller-renewed'));
      await known(client, 'caller-renewed');
      await sleep(CONNECTIONS_MS);
    });
    expect(leaves.reads.failures).toEqual([]);
    expect(leaves.writes.failures).toEqual([]);

    const ofFirst = ownLeaf;
    const ofNext = next.issue({ names: [nameOf('caller')] });
    const authority = await stage.whileCalling(client, async () => {
      await trust(first.cert + next.cert, ofNext, Status.OK);
      // What was issued by the first is still believed by connections that are made now.
      await sleep(CONNECTIONS_MS);
      await known(client, 'caller-renewed');
      await shown(renew(next, 'caller'));
      await known(client, 'caller');
      await sleep(CONNECTIONS_MS);
      await trust(next.cert, ofFirst, Status.UNAUTHENTICATED);
      await sleep(CONNECTIONS_MS);
    });
    expect(authority.reads.failures).toEqual([]);
    expect(authority.writes.failures).toEqual([]);
    // The connections that are there now were made with what is new, by both sides.
    await known(client, 'caller');
    for (const port of await ports()) {
      expect(await foreignStatus(port, ofFirst)).toBe(Status.UNAUTHENTICATED);
      expect(await foreignStatus(port, ofNext)).toBe(Status.OK);
    }
  });
});
