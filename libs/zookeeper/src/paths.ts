import { ZooKeeperError } from './errors.ts';

/**
 * The path itself when it is a legal absolute path.
 *
 * @throws ZooKeeperError `ZK_BAD_ARGUMENTS` naming the rule that it breaks (those of the server, `PathUtils`).
 */
export function requirePath(path: string): string {
  const fault = faultOf(path);
  if (fault) throw new ZooKeeperError('ZK_BAD_ARGUMENTS', fault, { path });
  return path;
}

function faultOf(path: string): string | undefined {
  if (!path.startsWith('/')) return 'a path starts with /';
  if (path === '/') return undefined;
  if (path.endsWith('/')) return 'a path does not end with /';
  // The server refuses control characters, surrogates and non-characters; lone surrogates would not survive UTF-8 either.
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/.test(path)) {
    return 'a path has only printable characters';
  }
  // Each path of each request comes by here: the parts are looked at one by one only to name the fault.
  if (!/\/(?:\.\.?)?(?:\/|$)/.test(path)) return undefined;
  const parts = path.slice(1).split('/');
  if (parts.includes('')) return 'a path has no empty part';
  if (parts.includes('.') || parts.includes('..')) return 'a path has no relative part';
  return undefined;
}

/** `/a/b/c` as `['/a', '/a/b', '/a/b/c']`; the root has none. */
export function ancestry(path: string): string[] {
  const parts = path.split('/').filter(Boolean);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
}

/** The path of a child. */
export function joinPath(parent: string, child: string): string {
  return parent === '/' ? `/${child}` : `${parent}/${child}`;
}

/** The path of the parent; the root is its own. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Translates between the caller's paths and the server's, which start with the chroot of the connect string. */
export class Chroot {
  private readonly root: string;

  /** @param root an absolute path, or `''` for none. */
  constructor(root: string) {
    this.root = root === '' || root === '/' ? '' : requirePath(root);
  }

  toServer(path: string): string {
    requirePath(path);
    if (this.root === '') return path;
    return path === '/' ? this.root : this.root + path;
  }

  toCaller(path: string): string {
    return path.slice(this.root.length) || '/';
  }
}
