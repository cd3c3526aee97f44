/** The part of a catalogue that stores, deciders and tests need: the names and the types of its events. */
import type { Event } from '../event.ts'

/** The events that a program knows. `defineEvents` and `mergeEvents` make them. */
// biome-ignore lint/suspicious/noExplicitAny: definitions of any events
export interface EventDefinitions<E extends Event = any> {
  /** For the compiler only; there is no such property at run time. */
  readonly '~events': E
  /** The types of the events; empty if only the compiler knows them. */
  readonly types: readonly E['type'][]
}

/** The events of a catalogue, as a union that `type` discriminates. */
export type EventsOf<Definitions extends EventDefinitions> = Definitions['~events']

/** The members of a union of events that have one of these types. All of them if the types are not known. */
export type OfType<E extends Event, Type extends string> = E extends { readonly type: Type }
  ? E
  : string extends E['type']
    ? E
    : never
