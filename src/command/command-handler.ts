/** The command handler: it loads a stream, decides and appends. */
import type { KeptAsJson } from '../catalogue/json-type.ts'
import { checkDeciderEvents } from '../catalogue/required-events.ts'
import type { Event } from '../event.ts'
import { checkExpectedVersion, checkFunction, checkInteger, checkName, checkText } from '../input/checks.ts'
import { checkMetadata } from '../input/json.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import { asObservation, type Ended, type Observation } from '../observe/observation.ts'
import type { EventStore } from '../store.ts'
import { CommandCall, type CommandResult, type HandleOptions } from './command-call.ts'
import type { CommandStore } from './command-store.ts'
import type { Decider } from './decider.ts'
import { checkEvolution } from './fold.ts'
import type { SnapshotOptions, SnapshotSource } from './snapshot-options.ts'
import { StateCache } from './state-cache.ts'
import { StateSnapshots } from './state-snapshots.ts'
import { Turns } from './turns.ts'

/** The options of `commandHandler`. */
export interface CommandHandlerOptions<State, Command, E extends Event> {
  /** The store, or an object with these of its methods. The option `snapshot` also needs its `snapshots`. */
  readonly store: CommandStore<NoInfer<E>> & SnapshotSource
  readonly decider: Decider<State, Command, E>
  /** Returns the stream id for the `id` that the handler is called with. @default the id itself */
  readonly streamId?: ((id: string) => string) | undefined
  /**
   * Maximum number of retries after another append came first. Each retry loads the new events and decides again, after
   * a random pause that grows from 10 ms to 1 s. Commands of this handler on one stream take turns, so only the appends
   * of other handlers and processes can come first. @default 20
   */
  readonly retries?: number | undefined
  /**
   * The number of streams whose state the handler keeps in memory: the most recently used ones. A command on such a
   * stream needs one round trip (the append) if it causes events and no other append came first. The result is the same
   * as without a cache. The handler returns the kept state itself: do not change it. Use 0 for a store in your own
   * transaction, because a rollback would remove events that the kept state contains. @default 0
   */
  readonly cacheSize?: number | undefined
  /**
   * Keeps states of long streams in the store, so that a process that does not know a stream yet reads a snapshot and the
   * newer events instead of all events. The result is the same as without snapshots. @default none
   */
  readonly snapshot?: (SnapshotOptions<NoInfer<State>> & KeptAsJson<NoInfer<State>>) | undefined
}

/**
 * Handles a command on one stream (see `streamId`). Returns the state after the command, and the events that it caused.
 * @throws the error of `decide`, unchanged, if the decider refuses the command; nothing is appended then
 * @throws WrongExpectedVersionError if the stream is not at `expectedVersion`
 * @throws CommandOvertakenError if the command was decided `retries` + 1 times, and another append came first each time
 */
export type CommandHandler<State, Command, E extends Event> = (
  id: string,
  command: Command,
  options?: HandleOptions,
) => Promise<CommandResult<State, E>>

/**
 * Creates the function that handles the commands of a decider.
 * @throws InvalidInputError if a catalogue has made the decider, and the store does not have its events
 * @throws InvalidInputError if an option is wrong, or if `snapshot` is given and the store keeps no snapshots
 */
export function commandHandler<State, Command, E extends Event>(
  options: CommandHandlerOptions<State, Command, E>,
): CommandHandler<State, Command, E> {
  const {
    store,
    decider,
    streamId = (id: string) => id,
  } = optionsOf(options, ['store', 'decider', 'streamId'])
  const { retries = 20, cacheSize = 0, snapshot } = optionsOf(options, ['retries', 'cacheSize', 'snapshot'])
  checkStore(store)
  checkDecider(decider)
  const known = checkDeciderEvents(decider, store, 'decider')
  checkFunction(streamId, 'streamId')
  checkInteger(retries, 'retries', 0)
  checkInteger(cacheSize, 'cacheSize', 0)
  const upcasts = known?.upcastText(decider.events?.types) ?? ''
  const snapshots = snapshot === undefined ? undefined : new StateSnapshots<State>(store, upcasts, snapshot)
  const states = new StateCache(store, decider, cacheSize, snapshots)
  const observation = asObservation(store.observe)
  const setup = { store, decider, known, retries, states, snapshots, turns: new Turns(), observation }

  return async function handle(id, command, options) {
    const checked = checkedOptions(options)
    const stream = streamId(id)
    checkName(stream, 'streamId')
    const call = new CommandCall(setup, stream, command, checked)
    return observation === undefined ? call.run() : observeCommand(observation, call, stream, checked)
  }
}

function observeCommand<State, Command, E extends Event>(
  observation: Observation,
  call: CommandCall<State, Command, E>,
  streamId: string,
  { commandId }: HandleOptions,
): Promise<CommandResult<State, E>> {
  const outcomeOf = (ended: Ended<CommandResult<State, E>>) => {
    if ('result' in ended) return ended.result.deduplicated ? 'repeated' : 'handled'
    return call.isRefusal(ended.error) ? 'refused' : 'failed'
  }
  return observation.run(
    { name: 'command', streamId, commandId },
    () => call.run(),
    (ended, duration) => ({
      kind: 'command',
      attempts: call.decisions,
      duration,
      outcome: outcomeOf(ended),
    }),
  )
}

function checkedOptions(options: HandleOptions | undefined): HandleOptions {
  const checked = optionsOf(options, ['expectedVersion', 'commandId', 'metadata', 'signal'])
  const { expectedVersion, commandId, metadata } = checked
  if (expectedVersion !== undefined) checkExpectedVersion(expectedVersion)
  if (commandId !== undefined) checkText(commandId, 'commandId')
  if (metadata !== undefined) checkMetadata(metadata, 'metadata')
  return checked
}

function checkStore(store: unknown): void {
  readSafely('store', store, () => {
    const { append, readStream } = (store ?? {}) as Partial<EventStore>
    if (typeof append === 'function' && typeof readStream === 'function') return
    refuse('store', 'must be an event store', store)
  })
}

function checkDecider(decider: unknown): void {
  checkEvolution(decider, 'decider')
  readSafely('decider', decider, () => {
    checkFunction((decider as Partial<Decider<unknown, unknown, Event>>).decide, 'decider.decide')
  })
}
