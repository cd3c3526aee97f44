/** Makes a random call and returns its outcome: its result, the error of its refusal, or that it was aborted. */
import { inspect } from 'node:util'
import { EventSourcedError, type EventStore } from '@eventsourced/core'
import fc from 'fast-check'
import { givenUp } from './kinds.ts'
import type { Calls, PublicCall } from './public-call.ts'
import { type Fault, joined } from './samples.ts'

/** A call with its arguments. */
export interface Trial {
  readonly name: string
  readonly given: readonly unknown[]
  /** All faults of the arguments. Without a fault, the call must be accepted. */
  readonly faults: readonly Fault[]
}

/** Generates arguments for the call of this name. */
export function trialOf(calls: Calls, name: string): fc.Arbitrary<Trial> {
  const { places, together } = calls[name] as PublicCall
  return fc.tuple(...places.map(([field, kind]) => kind(field))).map((samples) => {
    const { value, faults } = joined(samples)
    const given = value as unknown[]
    const all = [...faults, ...wrongTogether(given, together)]
    const trial = { name, given, faults: all }
    return Object.defineProperty(trial, fc.toStringMethod, { value: () => shown(trial) })
  })
}

/** Faults of the arguments together. If reading an argument throws, its fault is already known. */
function wrongTogether(given: readonly unknown[], together: PublicCall['together']): readonly Fault[] {
  try {
    return together?.(given) ?? []
  } catch {
    return []
  }
}

// Prints a trial as fast-check does, but also arguments that throw when they are read.
function shown({ name, given, faults }: Trial): string {
  return `${name}(${inspect(given, { showProxy: true, depth: 8 })}) wrong: ${faults.map(({ field }) => field)}`
}

export type Outcome =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly error: EventSourcedError }
  | { readonly kind: 'given up' }

/** Makes the call. Rethrows an error that is neither a documented one nor the reason of the signal: that is a bug. */
export async function outcomeOf(calls: Calls, { name, given }: Trial, store: EventStore): Promise<Outcome> {
  try {
    return { kind: 'done', value: await calls[name]?.call(store, given) }
  } catch (error) {
    if (error instanceof EventSourcedError) return { kind: 'refused', error }
    if (error === givenUp) return { kind: 'given up' }
    throw error
  }
}
