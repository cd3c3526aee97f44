/** The types of the options from which a catalogue makes deciders, projections and subscriptions. */
import type { Decision, Evolved } from '../command/decider.ts'
import type { Event, RecordedEvent } from '../event.ts'
import type { HandlerTransaction } from '../projection/transaction.ts'
import type { HandlerSubscription } from '../subscription/subscription.ts'
import type { OfType } from './definitions.ts'

/** The data of the events with one type. */
type DataOfType<E extends Event, Type extends string> = OfType<E, Type>['data']

/** `evolve` of a decider: one function, or one function for each type of event. */
type DeciderEvolve<E extends Event, State> =
  | ((state: State, event: RecordedEvent<E>) => Evolved<State>)
  | {
      readonly [Type in E['type']]: (
        state: State,
        data: DataOfType<E, Type>,
        event: RecordedEvent<OfType<E, Type>>,
      ) => Evolved<State>
    }

interface States<E extends Event, State> {
  /** Returns the state of a stream without events. */
  initialState(): State
  /**
   * Returns the state after the event: one function of `(state, event)`, or one function of `(state, data, event)` for
   * each type of event. Must not change the state that it gets.
   */
  readonly evolve: DeciderEvolve<E, State>
}

/** A decider with one function for all commands. */
export interface DecideFunction<E extends Event, State, Command> extends States<E, State> {
  /** Returns the events that the command causes in this state. If it throws, the command is refused. */
  decide(command: Command, state: State): Decision<E> | Promise<Decision<E>>
  readonly commands?: undefined
}

/** A decider with one function for each command. `Commands`: the data of each command, by its name. */
export interface DecideByCommand<E extends Event, State, Commands> extends States<E, State> {
  /**
   * The functions that decide, by the name of the command. Each returns the events that the command causes in this state;
   * if it throws, the command is refused. The handler takes `{ type: name, data }`.
   */
  readonly commands: {
    readonly [Name in keyof Commands]: (
      data: Commands[Name],
      state: State,
    ) => Decision<E> | Promise<Decision<E>>
  }
  readonly decide?: undefined
}

/** The commands of a map, as a union that `type` discriminates. A command that needs no data may leave it out. */
type NamedCommand<Commands> = {
  [Name in keyof Commands & string]: undefined extends Commands[Name]
    ? { readonly type: Name; readonly data?: Commands[Name] }
    : { readonly type: Name; readonly data: Commands[Name] }
}[keyof Commands & string]

/** The command of a decider: what `decide` takes, or one of the map of commands. */
export type CommandOf<Command, Commands> = [keyof Commands] extends [never] ? Command : NamedCommand<Commands>

/** The options of a catalogue's projection into documents. The catalogue, or its `pick`, says which events it gets. */
export interface CatalogueProjection<E extends Event, State> {
  /** Unique among the store's projections. An async projection's subscription has the same name. */
  readonly name: string
  /** The version of the projection's functions, as for `projection`. @default 1 */
  readonly version?: number | undefined
  /** Selects events of streams whose id begins with this text. @default all */
  readonly streamPrefix?: string | undefined
  /** Returns the keys of the documents that the event changes: one, several, or none (`undefined` or an empty list). */
  key(event: RecordedEvent<E>): string | readonly string[] | undefined
  /** Returns the state of a document before its first event. */
  initialState(key: string): State
  /**
   * Returns the state of the document after the event, a JSON value; null deletes the document. One function of
   * `(state, event, key)`, or one function of `(state, data, event, key)` for each type of event. Must be pure.
   */
  readonly evolve:
    | ((state: State, event: RecordedEvent<E>, key: string) => Evolved<State> | null)
    | {
        readonly [Type in E['type']]: (
          state: State,
          data: DataOfType<E, Type>,
          event: RecordedEvent<OfType<E, Type>>,
          key: string,
        ) => Evolved<State> | null
      }
}

/** The options of a catalogue's raw projection. The catalogue, or its `pick`, says which events it gets. */
export interface CatalogueRawProjection<E extends Event, Tx extends HandlerTransaction> {
  /** Unique among the store's projections. An async projection's subscription has the same name. */
  readonly name: string
  /** The version of the projection's function, as for `projection`. @default 1 */
  readonly version?: number | undefined
  /** Selects events of streams whose id begins with this text. @default all */
  readonly streamPrefix?: string | undefined
  /** Called with the selected events, in order, and the transaction through which it writes, as for `projection`. */
  handle(events: readonly RecordedEvent<E>[], tx: Tx): Promise<void> | void
}

type WithoutTypes<Options> = Options extends unknown
  ? Omit<Options, 'types'> & { readonly types?: never }
  : never

/** The options of a catalogue's subscription: those of `subscribe` with a handler, without `types`. */
export type CatalogueSubscription<E extends Event, Tx extends HandlerTransaction> = WithoutTypes<
  HandlerSubscription<E, Tx>
>
