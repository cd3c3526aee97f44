/**
 * One call of a command handler: wait for the commands before it, load the stream, decide, append; repeat if another
 * append came first.
 *
 *     kept state ──▶ decide ──▶ append at its version ──▶ done
 *         │             │           │
 *         │ none        └───────────┴── no events, refused, conflict, repeat
 *         ▼                                   │
 *     load newer events ◀─────────────────────┘
 *         │      ▲
 *         ▼      └── conflict, or a concurrent call with the same command id appended first
 *      decide ──▶ append ──▶ done
 */
import type { CallOptions } from '../call-options.ts'
import { acceptedEvents } from '../catalogue/accept.ts'
import type { KnownEvents } from '../catalogue/known-events.ts'
import {
  CommandOvertakenError,
  hasCode,
  StoreUnavailableError,
  WrongExpectedVersionError,
} from '../errors/index.ts'
import type { Event, Metadata, RecordedEvent } from '../event.ts'
import { type ExpectedVersion, isExpected } from '../expected-version.ts'
import { decidedEvents } from '../input/events.ts'
import { abortable } from '../runtime/abort.ts'
import { pause } from '../runtime/retry.ts'
import type { AppendResult } from '../store.ts'
import { causedEvents, findCausedEvents, recordedEvents } from './caused-events.ts'
import type { CommandStore } from './command-store.ts'
import type { Decider } from './decider.ts'
import type { KnownStream, StateCache } from './state-cache.ts'
import type { Turns } from './turns.ts'

/** The options of a command handler's call. */
export interface HandleOptions extends CallOptions {
  /**
   * The version that the caller saw. If the stream is at another one, the handler refuses the command with a
   * `WrongExpectedVersionError` and does not retry. @default none: the handler decides on the present state
   */
  readonly expectedVersion?: ExpectedVersion | undefined
  /**
   * Identifies this command (any text). A later call with the same id appends nothing and returns the events of the
   * first call. If the first call caused no events, the later call decides again. @default a new id for each call
   */
  readonly commandId?: string | undefined
  /** Added to the metadata of every event. @default `correlationId` and `causationId` are the command's id */
  readonly metadata?: Metadata | undefined
}

/** The result of a handled command. */
export interface CommandResult<State, E extends Event> {
  /** The state after the command. The handler may keep it in its cache, so do not change it. */
  readonly state: State
  /** The stream's version after the command. */
  readonly version: number
  /** The events that the command caused; empty if it decided nothing. */
  readonly events: readonly RecordedEvent<E>[]
  /** The position of the stream's last event (0: none), for reading your own writes in a view. */
  readonly position: number
  /** True if this command had been handled before, so that this call appended nothing. */
  readonly deduplicated: boolean
}

/** The values that all calls of a command handler share. */
export interface HandlerSetup<State, Command, E extends Event> {
  readonly store: Pick<CommandStore<E>, 'append'>
  readonly decider: Decider<State, Command, E>
  /** The events of the store's catalogue. */
  readonly known: KnownEvents | undefined
  readonly states: StateCache<State, E>
  readonly turns: Turns
  readonly retries: number
}

type CausedEvents<E extends Event> = ReturnType<typeof causedEvents<E>>

export class CommandCall<State, Command, E extends Event> {
  readonly #setup: HandlerSetup<State, Command, E>
  readonly #stream: string
  readonly #command: Command
  readonly #options: HandleOptions
  /** The last decision, and the state on which it was made. */
  #decided: { readonly on: KnownStream<State>; readonly events: Promise<CausedEvents<E>> } | undefined
  /** How often `decide` was called. */
  #decisions = 0
  #extendTurn = () => {}

  constructor(
    setup: HandlerSetup<State, Command, E>,
    stream: string,
    command: Command,
    options: HandleOptions,
  ) {
    this.#setup = setup
    this.#stream = stream
    this.#command = command
    this.#options = options
  }

  async run(): Promise<CommandResult<State, E>> {
    const { states, turns } = this.#setup
    const { expectedVersion, signal } = this.#options
    return states.duringCall(this.#stream, () => {
      // An append that expects 'any' cannot lose a race, so such commands share group commits instead of taking turns.
      if (expectedVersion === 'any') return this.#handle()
      return turns.take(this.#stream, signal, (extendTurn) => {
        this.#extendTurn = extendTurn
        return this.#handle()
      })
    })
  }

  async #handle(): Promise<CommandResult<State, E>> {
    const { states } = this.#setup
    const kept = states.recall(this.#stream)
    if (kept === undefined) return this.#onLoadedState(undefined)
    const result = await this.#onKeptState(kept)
    if (result !== undefined) return result
    if (this.#options.commandId === undefined) return this.#onLoadedState(kept)
    // An earlier call with this command id may have recorded its events anywhere in the stream, so read all of it.
    states.forget(this.#stream, kept)
    return this.#onLoadedState(undefined)
  }

  /**
   * Returns the result of deciding on a kept state, or `undefined` if the call must load the stream. Only an append at
   * the kept version proves that the state was the present one. With an old state, the decider may wrongly return no
   * events or refuse, and the append may conflict or repeat an earlier one.
   */
  async #onKeptState(kept: KnownStream<State>): Promise<CommandResult<State, E> | undefined> {
    if (!isExpected(this.#options.expectedVersion ?? 'any', true, kept.version)) return undefined
    const events = await this.#decide(kept).catch(() => [])
    if (events.length === 0) return undefined
    const result = await this.#append(events, kept.version).catch(ignoreRefusal)
    if (result === undefined || result.deduplicated) return undefined
    return this.#appended(kept, events, result)
  }

  async #onLoadedState(kept: KnownStream<State> | undefined): Promise<CommandResult<State, E>> {
    const { expectedVersion, commandId, signal } = this.#options
    const { retries, states } = this.#setup
    const stream = this.#stream
    let known = kept
    for (let attempt = 0; ; attempt++) {
      const { present, exists, news } = await states.load(stream, signal, known)
      known = present
      const earlier = commandId === undefined ? [] : findCausedEvents(news, stream, commandId)
      if (earlier.length > 0) return resultOf(present, earlier, true)
      if (expectedVersion !== undefined && !isExpected(expectedVersion, exists, present.version)) {
        throw new WrongExpectedVersionError(stream, expectedVersion, present.version)
      }
      const events = await this.#decide(present)
      if (events.length === 0) return resultOf(present, [])

      let result: AppendResult
      try {
        // The decision was made on this version, so the append must follow it. With 'any' the caller accepts other
        // appends in between; 'noStream' is stricter than version 0, which an existing stream without events also has.
        const isPassedOn = expectedVersion === 'any' || expectedVersion === 'noStream'
        result = await this.#append(events, isPassedOn ? expectedVersion : present.version)
      } catch (error) {
        // A concurrent call with the same command id appended first, with more or fewer events: the next load finds
        // these.
        const isRepeat = commandId !== undefined && hasCode(error, 'duplicate-event-id')
        if (isRepeat && attempt <= retries) continue
        const acceptsAnyVersion = expectedVersion === undefined || expectedVersion === 'streamExists'
        if (!acceptsAnyVersion || !hasCode(error, 'wrong-expected-version')) throw error
        if (attempt >= retries) throw new CommandOvertakenError(stream, this.#decisions, error.actual)
        await pause(attempt, signal)
        this.#extendTurn()
        continue
      }
      if (result.deduplicated && commandId !== undefined) {
        // A concurrent call with the same command id recorded these events: the next load finds them.
        if (attempt <= retries) continue
        throw notVisible(stream, result, attempt)
      }
      // With 'any', other appends may have come in between. The present state then contains their events too.
      const othersCameBetween = result.firstVersion !== present.version + 1
      if (result.deduplicated || othersCameBetween) return this.#reread(result)
      return this.#appended(present, events, result)
    }
  }

  /** Returns the decision on this state. Calls `decide` only once for each state. */
  #decide(known: KnownStream<State>): Promise<CausedEvents<E>> {
    if (this.#decided?.on !== known) {
      this.#decisions++
      this.#decided = { on: known, events: this.#decideNow(known.state) }
    }
    return this.#decided.events
  }

  async #decideNow(state: State): Promise<CausedEvents<E>> {
    const { commandId, metadata, signal } = this.#options
    const { decider, known } = this.#setup
    const decision = Promise.resolve(decider.decide(this.#command, state))
    const decided = decidedEvents<E>(await abortable(decision, signal))
    const accepted = known === undefined ? decided : acceptedEvents(known, decided)
    return causedEvents(accepted, this.#stream, commandId, metadata)
  }

  #append(events: CausedEvents<E>, expectedVersion: ExpectedVersion): Promise<AppendResult> {
    const { signal } = this.#options
    return this.#setup.store.append(this.#stream, events, { expectedVersion, signal })
  }

  #appended(
    before: KnownStream<State>,
    events: CausedEvents<E>,
    result: AppendResult,
  ): CommandResult<State, E> {
    const recorded = recordedEvents(events, result)
    return resultOf(this.#setup.states.advance(this.#stream, before, recorded), recorded)
  }

  /**
   * Loads the present state, and returns it with the events of an append of this call, or of the one that it repeats.
   */
  async #reread({ firstVersion, version, deduplicated }: AppendResult): Promise<CommandResult<State, E>> {
    const { present, news: history } = await this.#setup.states.load(this.#stream, this.#options.signal)
    return resultOf(present, history.slice(firstVersion - 1, version), deduplicated)
  }
}

function resultOf<State, E extends Event>(
  { state, version, position }: KnownStream<State>,
  events: readonly RecordedEvent<E>[],
  deduplicated = false,
): CommandResult<State, E> {
  return { state, version, events, position, deduplicated }
}

/**
 * The error for recorded events that a read does not return: reads lag behind writes, for example in a caching store.
 */
function notVisible(stream: string, { firstVersion, version }: AppendResult, retries: number): Error {
  const cause = new Error(`it has versions ${firstVersion} to ${version}, which reading does not show`)
  return new StoreUnavailableError(`Reading what the command caused in stream '${stream}'`, retries, cause)
}

/** Returns `undefined` for a refusal that may not recur on the present state of the stream; throws any other error. */
function ignoreRefusal(error: unknown): undefined {
  const codes = ['wrong-expected-version', 'duplicate-event-id', 'invalid-input', 'invalid-event'] as const
  if (!codes.some((code) => hasCode(error, code))) throw error
}
