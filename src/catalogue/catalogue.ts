/** The public types of a catalogue: the events that a program knows, and how it reads older ones. */
import type { Decider } from '../command/decider.ts'
import type { Event } from '../event.ts'
import type { DocumentProjection, RawProjection } from '../projection/projection.ts'
import type { HandlerTransaction } from '../projection/transaction.ts'
import type { HandlerSubscription } from '../subscription/subscription.ts'
import type { AsyncApiDocument, AsyncApiOptions } from './async-api.ts'
import type { CheckableStore, CheckOptions, CheckResult } from './check-result.ts'
import type { EventDefinitions, OfType } from './definitions.ts'
import type { JsonSchema, JsonSchemaOptions } from './json-schema.ts'
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
  /** How to read events that were stored under old names or in old versions, by the name that is stored. @default {} */
  readonly upcasts?: (Given & CheckedUpcasts<Data, Given>) | undefined
  /**
   * The older form in which `append` stores an event while processes of the previous release run. A string: the old name,
   * which `upcasts` reads as this event. `{ version: (data) => … }`: an older version, and the function that makes its data.
   * Each append checks that the older form is read back as the same event. @default {}
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
  /**
   * Returns the same catalogue for fewer of its events. Its subscriptions and projections select these types only. A whole
   * catalogue also gives them the events that later releases add.
   * @throws InvalidInputError if the catalogue does not have one of the types
   */
  pick<const Type extends E['type']>(...types: readonly Type[]): Catalogue<OfType<E, Type>>

  /**
   * Tries this catalogue on the stored events of a store, before a process uses it: on the whole log, on the events after
   * a position, or on a sample. Reports for each stored type and version how many events cannot be read, or do not fit
   * their schema today.
   * Reads at most two pages of events into memory, and changes nothing. The store may have another catalogue, or none.
   * @throws InvalidInputError if an option is wrong, or if only the compiler knows the events of this catalogue
   * @throws LogTruncatedError if the log ends before `after`
   */
  check(store: CheckableStore, options?: CheckOptions): Promise<CheckResult>

  /**
   * Returns a JSON Schema of the data of each event, by type. A schema that cannot be described allows every value, and its
   * `$comment` says why: `payload`, and libraries that cannot write JSON Schema.
   */
  jsonSchema(options?: JsonSchemaOptions): { readonly [Type in E['type']]: JsonSchema }

  /** Returns an AsyncAPI 3.0 document with a message for each event, whose payload is the data of the event. */
  asyncApi(options: AsyncApiOptions): AsyncApiDocument
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
