/** The form of an entry in the tables of public calls. */
import type { EventStore } from '@eventsourced/core'
import type { Fault, Kind } from './samples.ts'

/** A public call, and what the tests must know about it. */
export interface PublicCall {
  /** The arguments in order, each with the name that errors use for it. */
  readonly places: readonly (readonly [field: string, kind: Kind])[]
  /** Finds faults of arguments that are wrong together, although each one is good. */
  together?(given: readonly unknown[]): readonly Fault[]
  /** The call writes step by step, and what it wrote before a refusal stays. */
  readonly isPiecewise?: boolean
  /** The call reads the store before it knows all events that it will append. */
  readonly readsFirst?: boolean
  /** The call needs a running worker, which reads the store also if the call is refused. */
  readonly hasWorker?: boolean
  call(store: EventStore, given: readonly unknown[]): unknown
}

export type Calls = Readonly<Record<string, PublicCall>>
