/** The command handler: load, decide, append; again if somebody else was faster. */

import type { CallOptions } from '../call-options.ts'
import { hasCode, StoreUnavailableError, WrongExpectedVersionError } from '../errors/index.ts'
import type { Event, Metadata, RecordedEvent } from '../event.ts'
import type { ExpectedVersion } from '../expected-version.ts'
import { isExpected } from '../expected-version.ts'
import { checkExpectedVersion, checkFunction, checkInteger, checkName, checkText } from '../input/checks.ts'
import { decidedEvents } from '../input/events.ts'
import { checkMetadata } from '../input/json.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import { pause } from '../runtime/retry.ts'
import type { AppendResult, EventStore } from '../store.ts'
import { causedBefore, causedEvents, recordedEvents } from './caused-events.ts'
import type { Decider } from './decider.ts'
import { checkEvolution } from './fold.ts'
import { type KnownStream, StateCache } from './state-cache.ts'

export interface CommandHandlerOptions<State, Command, E extends Event> {
  readonly store: Pick<EventStore, 'readStream' | 'append'>
  readonly decider: Decider<State, Command, E>
  /** Which stream a command's id stands for. @default the id itself */
  readonly streamId?: ((id: string) => string) | undefined
  /** How often a command is decided anew when another append came first. @default 3 */
  readonly retries?: number | undefined
  /**
   * Of how many streams the state is kept (those used last), so that a command is one round trip: the append. What
   * is decided is the same. The kept state is also what the caller is given, and must not be changed. Not for a
   * store in a transaction of your own, which may take back what the state was made of. @default 0
   */
  readonly cache?: number | undefined
}

export interface HandleOptions extends CallOptions {
  /** What the caller saw: the command is refused, and not retried, if the stream is elsewhere. */
  readonly expectedVersion?: ExpectedVersion | undefined
  /**
   * Names this very command (any text). Handling it again, even much later, appends nothing and gives back the
   * events it caused the first time. @default a new one for each call
   */
  readonly commandId?: string | undefined
  /** For every event; `correlationId` and `causationId` default to the command's id. */
  readonly metadata?: Metadata | undefined
}

export interface CommandResult<State, E extends Event> {
  readonly state: State
  /** The stream's version after the command. */
  readonly version: number
  /** What the command caused; empty if it decided nothing. */
  readonly events: readonly RecordedEvent<E>[]
  /** The position of the stream's last event (0: none), for reading your own writes elsewhere. */
  readonly position: number
  /** True if this command had been handled before, and nothing was appended now. */
  readonly deduplicated: boolean
}

export type CommandHandler<State, Command, E extends Event> = (
  id: string,
  command: Command,
  options?: HandleOptions,
) => Promise<CommandResult<State, E>>

/** Makes the function that handles the commands of a decider. Whatever `decide` throws reaches the caller as it is. */
export function commandHandler<State, Command, E extends Event>(
  options: CommandHandlerOptions<State, Command, E>,
): CommandHandler<State, Command, E> {
  const {
    store,
    decider,
    streamId = (id: string) => id,
  } = optionsOf(options, ['store', 'decider', 'streamId'])
  const { retries = 3, cache = 0 } = optionsOf(options, ['retries', 'cache'])
  checkStore(store)
  checkDecider(decider)
  checkFunction(streamId, 'streamId')
  checkInteger(retries, 'retries', 0)
  checkInteger(cache, 'cache', 0)
  const states = new StateCache(store, decider, cache)

  return async function handle(id, command, options) {
    const { expectedVersion, commandId, metadata, signal } = optionsOf(options, [
      'expectedVersion',
      'commandId',
      'metadata',
      'signal',
    ])
    if (expectedVersion !== undefined) checkExpectedVersion(expectedVersion)
    if (commandId !== undefined) checkText(commandId, 'commandId')
    if (metadata !== undefined) checkMetadata(metadata, 'metadata')
    const stream = streamId(id)
    checkName(stream, 'streamId')
    const decide = async ({ state }: KnownStream<State>) =>
      causedEvents<E>(decidedEvents(await decider.decide(command, state)), stream, commandId, metadata)
    const append = (events: CausedEvents<E>, expected: ExpectedVersion) =>
      store.append(stream, events, { expectedVersion: expected, signal })
    const appended = (before: KnownStream<State>, events: CausedEvents<E>, result: AppendResult) => {
      const recorded = recordedEvents(events, result)
      return answer(states.advance(stream, before, recorded), recorded)
    }

    let known = states.recall(stream)
    let decision: Promise<CausedEvents<E>> | undefined
    if (known !== undefined && isExpected(expectedVersion ?? 'any', true, known.version)) {
      // Only an append at its version proves that a kept state is the present one. Whatever else comes of it
      // (nothing, a refusal, a conflict, a repeat) may be due to its age.
      decision = decide(known)
      const events = await decision.catch(() => [])
      const result = events.length > 0 && (await append(events, known.version).catch(unlessRefused))
      if (result && !result.deduplicated) return appended(known, events, result)
    }
    if (known !== undefined && commandId !== undefined) {
      // Only the whole history tells whether the command was handled before.
      states.forget(stream, known)
      known = undefined
    }

    for (let attempt = 0; ; attempt++) {
      const { present, exists, news } = await states.load(stream, signal, known)
      const earlier = commandId === undefined ? [] : causedBefore(news, stream, commandId)
      if (earlier.length > 0) return answer(present, earlier, true)
      if (expectedVersion !== undefined && !isExpected(expectedVersion, exists, present.version)) {
        throw new WrongExpectedVersionError(stream, expectedVersion, present.version)
      }
      // What was decided on a kept state stands if it turns out to be the present one.
      if (decision === undefined || present !== known) decision = decide(present)
      known = present
      const events = await decision
      if (events.length === 0) return answer(present, [])

      let result: AppendResult
      try {
        // Whatever was expected, the decision was made on this version; only 'any' accepts another one.
        const eased = expectedVersion === 'any' || expectedVersion === 'noStream'
        result = await append(events, eased ? expectedVersion : present.version)
      } catch (error) {
        // A twin of this command was faster, and decided on more or less: the next load finds what it recorded.
        const byTwin = commandId !== undefined && hasCode(error, 'duplicate-event-id')
        if (byTwin && attempt <= retries) continue
        const lostRace = hasCode(error, 'wrong-expected-version') && expectedVersion === undefined
        if (!lostRace || attempt >= retries) throw error
        await pause(attempt, signal)
        continue
      }
      if (result.deduplicated && commandId !== undefined) {
        // A twin was as fast: the next load finds what it recorded.
        if (attempt <= retries) continue
        throw unseen(stream, result, attempt + 1)
      }
      // With 'any', others may have come between: the state is then more than what was loaded and decided.
      const othersCameBetween = result.firstVersion !== present.version + 1
      if (result.deduplicated || othersCameBetween) return await reread(stream, result, signal)
      return appended(present, events, result)
    }
  }

  /** The stream as it is now, with the events that were appended, now or before by the ids they were given. */
  async function reread(
    stream: string,
    { firstVersion, version, deduplicated }: AppendResult,
    signal: AbortSignal | undefined,
  ): Promise<CommandResult<State, E>> {
    const { present, news: history } = await states.load(stream, signal)
    return answer(present, history.slice(firstVersion - 1, version), deduplicated)
  }
}

type CausedEvents<E extends Event> = ReturnType<typeof causedEvents<E>>

function answer<State, E extends Event>(
  { state, version, position }: KnownStream<State>,
  events: readonly RecordedEvent<E>[],
  deduplicated = false,
): CommandResult<State, E> {
  return { state, version, events, position, deduplicated }
}

/** Of a store that reads less than it has recorded, as one may that keeps what it has read. */
function unseen(stream: string, { firstVersion, version }: AppendResult, attempts: number): Error {
  const cause = new Error(`it has versions ${firstVersion} to ${version}, which reading does not show`)
  return new StoreUnavailableError(`Reading what the command caused in stream '${stream}'`, attempts, cause)
}

/** Nothing, if an append was refused for a reason that may be another on another state of the stream. */
function unlessRefused(error: unknown): undefined {
  const codes = ['wrong-expected-version', 'duplicate-event-id', 'invalid-input'] as const
  if (!codes.some((code) => hasCode(error, code))) throw error
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
