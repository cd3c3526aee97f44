/** The public types of a catalogue: the events that a program knows, and how it reads older ones. */
import type { Decider } from '../command/decider.ts'
import type { Event } from '../event.ts'
import type { DocumentProjection, RawProjection } from '../projection/projection.ts'
import type { HandlerTransaction } from '../projection/transaction.ts'
import type { HandlerSubscription } from '../subscription/subscription.ts'
import type { EventDefinitions, OfType } from './definitions.ts'
import type { IsJson, NotJson } from './json-type.ts'
import type { UnknownPolicy } from './known-events.ts'
import type {
  CatalogueProjection,
  CatalogueRawProjection,
  CatalogueSubscription,
  CommandOf,
  DecideByCommand,
  DecideFunction,
} from './made.ts'
import type { InputOf, OutputOf, StandardSchema } from './standard-schema.ts'
import type { CheckedUpcasts } from './upcasts.ts'

/** The schemas of a catalogue, by the types of its events. */
// biome-ignore lint/suspicious/noExplicitAny: schemas of any data
export type Schemas = { readonly [type: string]: StandardSchema<any, any> }

/** Today's data of each event. */
export type DataOf<S> = { [Type in keyof S & string]: OutputOf<S[Type]> }

/** The events of some schemas, as a union that `type` discriminates. */
export type EventsOfSchemas<S> = {
  [Type in keyof S & string]: Event<Type, OutputOf<S[Type]>>
}[keyof S & string]

/** Says what is wrong with a schema, in words that the compiler shows. `unknown`: nothing is. */
export type CheckedSchemas<S> = {
  [Type in keyof S]: false extends IsJson<OutputOf<S[Type]>>
    ? `${Type & string}: data${NotJson<OutputOf<S[Type]>>}`
    : OutputOf<S[Type]> extends InputOf<S[Type]>
      ? unknown
      : `${Type & string}: the schema returns another type than it takes, but stored data must be valid again when it is read`
}

/** The options of `defineEvents`. `Data`: today's data by type; `Given`: the upcasts as they are written. */
export interface CatalogueOptions<Data, Given> {
  /** How events are read that are stored under old names or in old versions, by stored name. @default {} */
  readonly upcasts?: (Given & CheckedUpcasts<Data, Given>) | undefined
  /**
   * The form in which events are still stored while processes of the previous release run: under a name that `upcasts`
   * reads as this event, or in an older version, with the function that makes its data. Each append checks that the
   * written form is read back as the same event. @default {}
   */
  readonly writeAs?:
    | {
        readonly [Type in keyof Data]?: string | { readonly [version: number]: (data: Data[Type]) => unknown }
      }
    | undefined
  /**
   * What reading does with a stored event that the catalogue does not have. 'refuse': it throws an UnreadableEventError,
   * and a subscription leaves its work to newer processes. 'skip': it leaves the event out. @default 'refuse'
   */
  readonly unknown?: UnknownPolicy | undefined
}

/** The events that a program knows, and what can be made of them. `defineEvents` makes it. */
// biome-ignore lint/suspicious/noExplicitAny: a catalogue of any events
export interface Catalogue<E extends Event = any> extends EventDefinitions<E> {
  readonly unknown: UnknownPolicy
  /** Returns the same catalogue for fewer of its events. @throws InvalidInputError if it does not have one of them */
  pick<const Type extends E['type']>(...types: readonly Type[]): Catalogue<OfType<E, Type>>
  /**
   * Makes a decider of these events. Its commands are what `decide` takes, or `{ type, data }` for each
   * function of `commands`. It runs on stores that have these events.
   * @throws InvalidInputError if a function is missing
   */
  decider<State, Command = never, Commands extends object = NonNullable<unknown>>(
    functions: DecideFunction<E, State, Command> | DecideByCommand<E, State, Commands>,
  ): Decider<State, CommandOf<Command, Commands>, E>
  /**
   * Makes a projection of these events into documents. It runs on stores that have them.
   * @throws InvalidInputError if an option breaks its rule
   */
  projection<State>(options: CatalogueProjection<E, State>): DocumentProjection<State, E>
  /**
   * Makes a projection of these events that writes through a transaction. It runs on stores that have them.
   * @throws InvalidInputError if an option breaks its rule
   */
  rawProjection<Tx extends HandlerTransaction = HandlerTransaction>(
    options: CatalogueRawProjection<E, Tx>,
  ): RawProjection<E, Tx>
  /**
   * Returns the options of a subscription to these events, for `subscribe` and `runOnce` of a store that has them.
   * @throws InvalidInputError if `types` is given
   */
  subscription<Tx extends HandlerTransaction = HandlerTransaction>(
    options: CatalogueSubscription<E, Tx>,
  ): HandlerSubscription<E, Tx>
}
