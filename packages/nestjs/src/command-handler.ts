/** Command handlers as providers. */
import {
  type CommandHandler,
  type CommandHandlerOptions,
  commandHandler,
  type Decider,
  type Event,
  type EventStore,
} from '@eventsourced/core'
import { type FactoryProvider, Inject } from '@nestjs/common'
import { EventsourcedSetUpError } from './set-up-error.ts'
import { defaultStore, getStoreToken } from './store.ts'
import { tokenOf } from './token-of.ts'

/** The type of the command handler of a decider: `CommandHandlerOf<typeof cart>`. */
// biome-ignore lint/suspicious/noExplicitAny: the decider may have any state, commands and events
export type CommandHandlerOf<D extends Decider<any, any, any>> =
  D extends Decider<infer State, infer Command, infer E> ? CommandHandler<State, Command, E> : never

/** The options of `commandHandlerProvider`: those of `commandHandler`, and the name of the store. */
export interface CommandHandlerProviderOptions<State, Command, E extends Event>
  extends Omit<CommandHandlerOptions<State, Command, E>, 'store' | 'decider'> {
  /** The name of the store that keeps the streams. @default the store that was registered without a name */
  readonly store?: string | undefined
}

/** Returns the injection token of the command handler of a decider. `store`: the name of its store. */
export function getCommandHandlerToken(decider: object, store: string = defaultStore): symbol {
  if (typeof decider !== 'object' || decider === null)
    throw new EventsourcedSetUpError(
      `A command handler needs a decider, not ${decider}. Is the file that defines it part of an import cycle?`,
    )
  return tokenOf(decider, `CommandHandler on ${getStoreToken(store)}`)
}

/**
 * Returns the provider of the command handler of a decider, for `providers` of a module. Classes get it with
 * `@InjectCommandHandler(decider)`.
 */
export function commandHandlerProvider<State, Command, E extends Event>(
  decider: Decider<State, Command, E>,
  options: CommandHandlerProviderOptions<State, Command, E> = {},
): FactoryProvider<CommandHandler<State, Command, E>> {
  const { store: name, ...rest } = options
  return {
    provide: getCommandHandlerToken(decider, name),
    inject: [getStoreToken(name)],
    useFactory: (store: EventStore<E>) => commandHandler({ ...rest, store, decider }),
  }
}

/** Injects the command handler of a decider. `store`: the name of its store. */
export function InjectCommandHandler(
  decider: object,
  store?: string,
): PropertyDecorator & ParameterDecorator {
  return Inject(getCommandHandlerToken(decider, store))
}
