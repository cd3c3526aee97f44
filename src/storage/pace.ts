/** The part of the `Storage` contract that limits requests to a database that bills each of them. */

/** A limit for an average rate, which lets short bursts through. */
export interface Rate {
  /** The number a second, on average over a longer time. */
  readonly perSecond: number
  /** The number at once, after a quiet time. */
  readonly burst: number
}

/** Limits the requests that the engine sends for subscriptions and followers while they wait. */
export interface Pace {
  /**
   * The longest pause between two polls of the end of the log, in milliseconds: the default of the option `pollInterval`.
   * The pause grows up to this value while no event comes.
   */
  readonly pollInterval: number
  /** The longest time between two heartbeats, in milliseconds. */
  readonly heartbeatInterval: number
  /** Limits the polls of the end of the log while events come. */
  readonly polls: Rate
  /**
   * Limits the checkpoints that the engine moves. `caughtUp` and a stop do not wait for this limit, and no checkpoint
   * waits longer than 5 s, and that of a projection not longer than 1 s.
   */
  readonly checkpoints: Rate
}

/** The pace of a storage that does not bill requests: as often as is useful. */
export const fullPace: Pace = {
  pollInterval: 250,
  heartbeatInterval: 1_000,
  polls: { perSecond: 200, burst: 200 },
  checkpoints: { perSecond: Number.POSITIVE_INFINITY, burst: Number.POSITIVE_INFINITY },
}
