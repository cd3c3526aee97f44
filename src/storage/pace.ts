/** The part of the `Storage` contract that says how often the engine may send requests to a database that bills each one. */

/** A limit that lets short bursts through. */
export interface Rate {
  /** How often in a second, on average over a longer time. */
  readonly perSecond: number
  /** How often at once, after a time in which nothing was sent. */
  readonly burst: number
}

/** How often the engine sends the requests that subscriptions and followers send while they wait. */
export interface Pace {
  /**
   * The longest pause between two polls of the end of the log, in milliseconds: the default of `pollInterval`. The engine
   * reaches it only while no event comes.
   */
  readonly pollInterval: number
  /** The longest time between two heartbeats, in milliseconds. */
  readonly heartbeatInterval: number
  /** How often the engine polls the end of the log while events come. */
  readonly polls: Rate
  /**
   * How many checkpoints the engine moves. Calls of `caughtUp` and a stop do not wait for this limit, and no checkpoint
   * waits for longer than 5 s.
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
