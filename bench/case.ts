/** What a case of the benchmark is: contestants that do the same work in turns, and the ratio aimed at. */

/** The cases of a group share a plot. */
export type Group =
  | 'append'
  | 'read'
  | 'command'
  | 'import'
  | 'projection'
  | 'growth'
  | 'network'
  | 'dynamodb'

export interface Case {
  readonly name: string
  readonly group: Group
  /** What is done and measured, as one phrase. */
  readonly work: string
  readonly unit: string
  /**
   * Of what is held against the target: `higher` is the contestants' ratio, ours by the peer's. `lower` is that of
   * their costs (the peer's rate by ours), or without a peer our figure itself.
   */
  readonly better: 'higher' | 'lower'
  readonly target: number
  readonly ours: Contestant
  readonly peer?: Contestant
  /** Rounds that count, where the usual number would take too long. */
  readonly rounds?: number
  /** Why the case cannot run here, if it cannot. */
  obstacle?(): string | undefined
}

export interface Contestant {
  readonly name: string
  /** Sets up everything on a fresh database. */
  enter(ground: Ground): Promise<Entry>
}

/** Where a contestant works, and how much. */
export interface Ground {
  /** The contestant's own database: of Postgres, or the endpoint of a DynamoDB. */
  readonly url: string
  /** The same one without the simulated network, to fill it and to count in it. */
  readonly directUrl: string
  /** How long a turn takes, where the work has no size of its own. */
  readonly seconds: number
  /** Whether to do with less data. */
  readonly quick: boolean
  /** A database that is made when first asked for, and that all who ask share until the benchmark ends. */
  shared(name: string, fill: (url: string) => Promise<void>): Promise<string>
}

export interface Entry {
  /** Does the work of one round, and says what came out in the case's unit. Round 0 only warms up. */
  turn(round: number): Promise<number>
  leave(): Promise<void>
}
