import { nameOf, parentOf } from '../../paths.ts';
import type { Stat } from '../../records.ts';

/** A znode; never changed, only replaced, so that a copy of a tree is cheap. */
export interface Znode {
  readonly data: Buffer;
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  /** Children ever created: the next sequence number. */
  readonly created: number;
  readonly owner: bigint;
  readonly children: ReadonlySet<string>;
}

/** What a transaction does to the tree, decided already: every server does the same. */
export type Change =
  | { readonly type: 'create'; readonly path: string; readonly data: Buffer; readonly owner: bigint }
  | { readonly type: 'set'; readonly path: string; readonly data: Buffer }
  | { readonly type: 'delete'; readonly path: string };

/** When a change was committed. */
export interface Moment {
  readonly zxid: bigint;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The nodes of one server. */
export class DataTree {
  private readonly nodes: Map<string, Znode>;

  constructor(nodes?: Iterable<[string, Znode]>) {
    this.nodes = new Map(nodes ?? [['/', { ...emptyNode({ zxid: 0n, at: 0 }), owner: 0n }]]);
  }

  copy(): DataTree {
    return new DataTree(this.nodes);
  }

  get(path: string): Znode | undefined {
    return this.nodes.get(path);
  }

  /** Path and node, in the order of their creation. */
  entries(): IterableIterator<[string, Znode]> {
    return this.nodes.entries();
  }

  /** Paths of the nodes that live with the session. */
  ephemeralsOf(session: bigint): string[] {
    return [...this.nodes].filter(([, { owner }]) => owner === session).map(([path]) => path);
  }

  apply(change: Change, moment: Moment): void {
    const { path } = change;
    switch (change.type) {
      case 'create': {
        this.nodes.set(path, { ...emptyNode(moment), data: change.data, owner: change.owner });
        this.changeParent(path, moment, (children) => children.add(nameOf(path)), 1);
        return;
      }
      case 'set': {
        const node = this.nodes.get(path) as Znode;
        const { zxid, at } = moment;
        this.nodes.set(path, {
          ...node,
          data: change.data,
          mzxid: zxid,
          mtime: at,
          version: node.version + 1,
        });
        return;
      }
      case 'delete': {
        this.nodes.delete(path);
        this.changeParent(path, moment, (children) => children.delete(nameOf(path)), 0);
      }
    }
  }

  private changeParent(
    path: string,
    { zxid }: Moment,
    change: (children: Set<string>) => unknown,
    created: number,
  ): void {
    const at = parentOf(path);
    const parent = this.nodes.get(at) as Znode;
    const children = new Set(parent.children);
    change(children);
    this.nodes.set(at, { ...parent, children, pzxid: zxid, created: parent.created + created });
  }
}

function emptyNode({ zxid, at }: Moment): Znode {
  return {
    data: Buffer.alloc(0),
    czxid: zxid,
    mzxid: zxid,
    pzxid: zxid,
    ctime: at,
    mtime: at,
    version: 0,
    created: 0,
    owner: 0n,
    children: new Set(),
  };
}

/** As the server tells it. */
export function statOf(node: Znode): Stat {
  return {
    czxid: node.czxid,
    mzxid: node.mzxid,
    ctime: node.ctime,
    mtime: node.mtime,
    version: node.version,
    // Of all changes: of the deletions, too.
    cversion: node.created * 2 - node.children.size,
    aversion: 0,
    ephemeralOwner: node.owner,
    dataLength: node.data.length,
    numChildren: node.children.size,
    pzxid: node.pzxid,
  };
}
