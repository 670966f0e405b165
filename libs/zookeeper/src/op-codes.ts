/** Operation codes (`ZooDefs.OpCode`). */
export const OpCode = {
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getChildren: 8,
  ping: 11,
  create2: 15,
  auth: 100,
  setWatches: 101,
  closeSession: -11,
} as const;

export type OpCode = (typeof OpCode)[keyof typeof OpCode];

/** Transaction ids with a meaning of their own; requests count up from 1. */
export const Xid = {
  notification: -1,
  ping: -2,
  auth: -4,
  setWatches: -8,
} as const;

/** How long a node lives, and whether the server appends a ten-digit sequence number to its name. */
export type CreateMode = 'persistent' | 'ephemeral' | 'persistent-sequential' | 'ephemeral-sequential';

/** The flags of create requests (`CreateMode`). */
export const createFlags: Record<CreateMode, number> = {
  persistent: 0,
  ephemeral: 1,
  'persistent-sequential': 2,
  'ephemeral-sequential': 3,
};
