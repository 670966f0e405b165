// A file of kafkajs that has no types of its own.
declare module 'kafkajs/src/network/requestQueue/index.js' {
  export interface RequestQueueState {
    throttleCheckTimeoutId: NodeJS.Timeout | null;
    readonly throttledUntil: number;
    readonly pending: readonly unknown[];
    checkPendingRequests(): void;
  }
  const RequestQueue: {
    prototype: { scheduleCheckPendingRequests(this: RequestQueueState): void };
  };
  export default RequestQueue;
}
