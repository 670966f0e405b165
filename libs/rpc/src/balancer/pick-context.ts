/** What a policy may look at besides the endpoints. */
export interface PickContext {
  readonly nowMs: number;
  /** The how manieth pick of the set it is. */
  readonly pick: number;
  /** What calls of the service take at the moment, in milliseconds. */
  readonly typicalMs: number;
  readonly maxWeight: number;
  /** It is a stream that looks for its place, among all that is under way; calls do not mind streams that are open. */
  readonly forStream: boolean;
  /** What is under way at an endpoint, on average. */
  readonly meanLoad: number;
}
