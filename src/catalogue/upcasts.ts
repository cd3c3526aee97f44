/** The types of upcasts: how a catalogue says what stored events of old names and old versions are today. */
import type { StoredEvent } from './stored-event.ts'

/** Keeps literals in the result of an upcast: `'EUR'` and not `string`. */
interface Literals {
  readonly [key: string]: '' | 0 | true | false | Literals
}

/** Returns the data of the next version, or of the event that it is read as. Must be synchronous and pure. */
type UpcastFunction = (
  data: never,
  stored: StoredEvent,
) => object | string | number | boolean | null | undefined | Literals

/** The events that a stored event is read as, by type. `{}`: none. A function may return `undefined`: not this one. */
interface UpcastParts {
  readonly [type: string]: UpcastFunction
}

/**
 * By the name under which events are stored:
 *
 *     OldName: 'Name'                                   the event has another name today
 *     OldName: { Name: (data) => …, Other: … }          it is read as several events; {}: as none
 *     Name: { 1: (data) => …, 2: (data) => … }          from each older version of its data to the next one
 *     Name: { 1: { Name: (data) => …, Other: … } }      an older version that is read as several events
 */
export interface Upcasts {
  readonly [name: string]: string | { readonly [version: number]: UpcastFunction | UpcastParts } | UpcastParts
}

/** The version after each version. The compiler checks steps up to here. */
type NextVersion = [
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
  17,
  18,
  19,
  20,
  21,
  22,
  23,
  24,
  25,
  26,
  27,
  28,
  29,
  30,
]

/** The data that a step takes. */
type DataBefore<Step> = Step extends (data: infer Data, ...rest: never) => unknown
  ? Data
  : Step extends { readonly [type: string]: (data: infer Data, ...rest: never) => unknown }
    ? Data
    : never

/** The data that the step of a version must return: what the next step takes, or, after the last step, today's data. */
type DataAfter<Steps, Version, Today> = Version extends keyof NextVersion
  ? NextVersion[Version] extends keyof Steps
    ? DataBefore<Steps[NextVersion[Version]]>
    : Today
  : Today

type CheckedParts<Data, Given> = {
  readonly [Type in keyof Given]: Type extends keyof Data
    ? (data: never, stored: StoredEvent) => Data[Type] | undefined
    : `${Type & string} is no event of this catalogue`
}

/** A message in place of a name. The compiler would reduce the intersection of a name and another text to `never`. */
interface Mistake<Message extends string> {
  readonly mistake: Message
}

/**
 * The upcasts with a message in place of each that is wrong. `Data`: today's data by type. The mapped type of the steps
 * has no name of its own: then the compiler would widen literals in the results of the steps.
 */
export type CheckedUpcasts<Data, Given> = {
  readonly [Name in keyof Given]: Name extends keyof Data
    ? Given[Name] extends string
      ? Mistake<`${Name & string} is an event of this catalogue: give the steps from its older versions, { 1: (data) => … }`>
      : {
          readonly [Version in keyof Given[Name]]: Given[Name][Version] extends (
            ...parameters: never
          ) => unknown
            ? (data: never, stored: StoredEvent) => DataAfter<Given[Name], Version, Data[Name]>
            : CheckedParts<Data, Given[Name][Version]>
        }
    : Given[Name] extends string
      ? Given[Name] extends keyof Data
        ? unknown
        : Mistake<`${Given[Name]} is no event of this catalogue`>
      : CheckedParts<Data, Given[Name]>
}
