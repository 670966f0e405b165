export { Election, type ElectionOptions, type Leadership } from './election.ts';
export { type AcquireOptions, Lock, type LockHandle } from './lock.ts';
