/** What becomes of a call: what it gives, the facts of its refusal, or that it was given up. */
import { inspect } from 'node:util'
import { EventSourcedError, type EventStore } from '@eventsourced/core'
import fc from 'fast-check'
import type { Calls, PublicCall } from './calls.ts'
import { givenUp } from './kinds.ts'
import { type Fault, joined } from './samples.ts'

export interface Trial {
  readonly name: string
  readonly given: readonly unknown[]
  /** What is wrong with what is given; none: it must be accepted. */
  readonly faults: readonly Fault[]
}

/** The call of that name, with samples in its places. */
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

/** Of what cannot be looked at, what is wrong is known already. */
function wrongTogether(given: readonly unknown[], together: PublicCall['together']): readonly Fault[] {
  try {
    return together?.(given) ?? []
  } catch {
    return []
  }
}

// As fast-check would show it, but for what throws when it is looked at.
function shown({ name, given, faults }: Trial): string {
  return `${name}(${inspect(given, { showProxy: true, depth: 8 })}) wrong: ${faults.map(({ field }) => field)}`
}

export type Outcome =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly error: EventSourcedError }
  | { readonly kind: 'given up' }

/** Whatever else is thrown is no outcome that a user could have been told of. */
export async function outcomeOf(calls: Calls, { name, given }: Trial, store: EventStore): Promise<Outcome> {
  try {
    return { kind: 'done', value: await calls[name]?.call(store, given) }
  } catch (error) {
    if (error instanceof EventSourcedError) return { kind: 'refused', error }
    if (error === givenUp) return { kind: 'given up' }
    throw error
  }
}
