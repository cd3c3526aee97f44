/** What `health` answers: a status, and the checks that it comes from. */
import type { FrontierWriter } from '../log/frontier.ts'

/**
 * `degraded`: the service works, but an operator should look, for example because a projection lags. `failed`: a part does
 * not work.
 */
export type HealthStatus = 'ok' | 'degraded' | 'failed'

/** The health of a store. */
export interface Health {
  /** The worst status of the checks. */
  readonly status: HealthStatus
  /** When the store was asked. Up to `maxAge` before the call. */
  readonly checkedAt: Date
  readonly checks: readonly HealthCheck[]
}

/** One check. If the database fails, there is no other check. */
export type HealthCheck = DatabaseCheck | FrontierCheck | LastAppendCheck | SubscriptionCheck

interface Checked {
  readonly status: HealthStatus
  /** What is wrong, and what to do. It names no host and quotes no error. `undefined` if the status is `ok`. */
  readonly reason: string | undefined
}

/**
 * Whether the database answers within the timeout. `degraded`: it answers, but too slowly to check the subscriptions, which
 * are left out.
 */
export interface DatabaseCheck extends Checked {
  readonly name: 'database'
  /** How long it took to answer, in milliseconds; if it failed, how long the check waited. */
  readonly duration: number
  /** The error that the check failed with. */
  readonly error: unknown
}

/** Whether running appends hold back the readers of the log. */
export interface FrontierCheck extends Checked {
  readonly name: 'frontier'
  /** Readers see the events up to this position (inclusive). */
  readonly position: number
  /** The highest position that the database has assigned. */
  readonly head: number
  /**
   * For how long the oldest running append has been open, in milliseconds; 0 if none holds readers back. If the database
   * does not show it: for how long this process has seen the same frontier held back.
   */
  readonly heldFor: number
  readonly writers: readonly FrontierWriter[]
}

/** The last event of the log. It only informs: a quiet log is healthy. */
export interface LastAppendCheck extends Checked {
  readonly name: 'last-append'
  /** 0 if the log is empty. */
  readonly position: number
  /** `undefined` if the log is empty; so too `age`. */
  readonly recordedAt: Date | undefined
  /** How long ago it was recorded, in milliseconds, by the clock of this process. */
  readonly age: number | undefined
}

/** Whether a subscription runs, and keeps up. */
export interface SubscriptionCheck extends Checked {
  readonly name: 'subscription'
  readonly subscription: string
  /** `unregistered`: no process has ever started it, or an operator has removed it. All numbers are 0 then. */
  readonly state: 'active' | 'paused' | 'superseded' | 'unregistered'
  /** The workers that hold its partitions. */
  readonly owners: readonly string[]
  readonly partitions: number
  /** The number of its partitions that no worker holds. */
  readonly unowned: number
  readonly checkpoint: number
  /** The number of positions between its checkpoint and the end of the log. */
  readonly lag: number
  /** How long ago the first event after its checkpoint was recorded, in milliseconds; 0 if there is none. */
  readonly lagTime: number
  /** The number of its parked and blocked events. */
  readonly parked: number
  /** The error that the worker of this process has failed with; `undefined` if it has not failed, or does not run here. */
  readonly error: unknown
}
