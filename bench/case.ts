/** Types of a benchmark case: contestants do the same work in turns, and the ratio of their figures has a target. */
import type { LoopResult } from './closed-loop.ts'

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
  | 'catalogue'
  | 'observe'

export interface Case {
  readonly name: string
  readonly group: Group
  /** What the contestants do, as one phrase. */
  readonly work: string
  readonly unit: string
  /**
   * How the figures are compared with the target. `higher`: our rate divided by the peer's must reach the target.
   * `lower`: the ratio of the costs, which is the peer's rate divided by ours, must not exceed the target. Without a
   * peer, our figure itself is compared.
   */
  readonly better: 'higher' | 'lower'
  readonly target: number
  readonly ours: Contestant
  readonly peer?: Contestant
  /** The number of measured rounds, if the usual number would take too long. @default 5, and 3 with `--quick` */
  readonly rounds?: number
  /** Returns why the case cannot run on this machine, or `undefined` if it can. */
  skipReason?(): string | undefined
}

export interface Contestant {
  readonly name: string
  /** Sets the contestant up on a fresh database. */
  setUp(context: BenchContext): Promise<ReadyContestant>
}

/** The database that a contestant works on, and the amount of work. */
export interface BenchContext {
  /** The contestant's own database: a URL of Postgres, or the endpoint of a DynamoDB emulator. */
  readonly url: string
  /** The same database without the simulated network, to fill it and to count its events. */
  readonly directUrl: string
  /** How long a turn takes, in seconds, if the work has no fixed size. */
  readonly seconds: number
  /** Whether to use less data. */
  readonly quick: boolean
  /** Returns the database of this name, which all contestants share. The first call creates and fills it. */
  shared(name: string, fill: (url: string) => Promise<void>): Promise<string>
}

export interface ReadyContestant {
  /** Does the work of one round, and returns what it measured. Round 0 only warms up. */
  turn(round: number): Promise<Turn>
  tearDown(): Promise<void>
}

export interface Turn {
  /** The figure, in the case's unit. */
  readonly value: number
  /** The calls, if the turn was a closed loop of them. */
  readonly loop?: LoopResult
}
