/** How many events a worker has handled and parked since it started. The worker's partitions share one object. */
export interface Progress {
  handled: number
  parked: number
}
