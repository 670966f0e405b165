import type { Checks } from '../checks.ts';
import type { Cluster } from '../cluster.ts';

/** Begins with an empty namespace, in which `deployer` may do what k8s/ lets one do. */
export type Scenario = (checks: Checks, admin: Cluster, deployer: Cluster) => Promise<void>;
