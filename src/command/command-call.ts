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
import { markInjected } from '../observe/injected-calls.ts'
import type { Observation } from '../observe/observation.ts'
import { abortable } from '../runtime/abort.ts'
import { pause } from '../runtime/retry.ts'
import type { AppendResult } from '../store.ts'
import { causedEvents, findCausedEvents, recordedEvents } from './caused-events.ts'
import type { CommandStore } from './command-store.ts'
import type { Decider } from './decider.ts'
import type { KnownStream } from './known-stream.ts'
import type { StateCache } from './state-cache.ts'
import type { StateSnapshots } from './state-snapshots.ts'
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
  readonly snapshots: StateSnapshots<State> | undefined
  readonly turns: Turns
  readonly retries: number
  /** The observer of the store. */
  readonly observation: Observation | undefined
}

type CausedEvents<E extends Event> = ReturnType<typeof causedEvents<E>>

/** The outcome of a command. */
interface Handled<State, E extends Event> {
  readonly known: KnownStream<State>
  readonly events: readonly RecordedEvent<E>[]
  readonly deduplicated: boolean
}

/** A decision of at least one event, and the state on which it was made. */
interface Decided<State, E extends Event> {
  readonly present: KnownStream<State>
  readonly events: CausedEvents<E>
}

export class CommandCall<State, Command, E extends Event> {
  readonly #setup: HandlerSetup<State, Command, E>
  readonly #stream: string
  readonly #command: Command
  readonly #options: HandleOptions
  /** The last decision, and the state on which it was made. */
  #decided: { readonly on: KnownStream<State>; readonly events: Promise<CausedEvents<E>> } | undefined
  /** How often `decide` was called. */
  #decisions = 0
  /** The last error that `decide` threw. */
  #refusal: { readonly error: unknown } | undefined
  /** Adds the metadata that the observer injected for the first decision: all decisions of a call get the same. */
  #injector: { readonly inject: ReturnType<Observation['injector']> } | undefined
  #extendTurn = () => {}
  /** Whether the next load must read the whole stream. */
  #needsWhole = false
  /** Whether the events that were read show that no earlier call has handled this command. */
  #isUnhandled: boolean

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
    // Without an id, each call is a command of its own.
    this.#isUnhandled = options.commandId === undefined
  }

  /** How often the decider has decided. */
  get decisions(): number {
    return this.#decisions
  }

  /** Whether an error of this call is that of the decider, or of the caller's expected version. */
  isRefusal(error: unknown): boolean {
    return this.#refusal?.error === error || hasCode(error, 'wrong-expected-version')
  }

  async run(): Promise<CommandResult<State, E>> {
    const { states, turns, snapshots } = this.#setup
    const { expectedVersion, signal } = this.#options
    let written: Promise<void> | undefined
    const handle = async () => {
      const handled = await this.#handle()
      written = snapshots?.keep(this.#stream, handled.known)
      return handled
    }
    const { known, events, deduplicated } = await states.duringCall(this.#stream, () => {
      // An append that expects 'any' cannot lose a race, so such commands share group commits instead of taking turns.
      if (expectedVersion === 'any') return handle()
      return turns.take(this.#stream, signal, (extendTurn) => {
        this.#extendTurn = extendTurn
        return handle()
      })
    })
    await written
    return { state: known.state, version: known.version, events, position: known.position, deduplicated }
  }

  async #handle(): Promise<Handled<State, E>> {
    const { states } = this.#setup
    const kept = states.recall(this.#stream)
    if (kept === undefined) return this.#onLoadedState(undefined)
    const handled = await this.#onKeptState(kept)
    if (handled !== undefined) return handled
    // An earlier call with this command id may have recorded its events anywhere in the stream, so read all of it.
    if (this.#options.commandId !== undefined) {
      this.#needsWhole = true
      states.forget(this.#stream, kept)
    }
    return this.#onLoadedState(kept)
  }

  /**
   * Returns the result of deciding on a kept state, or `undefined` if the call must load the stream. Only an append at
   * the kept version proves that the state was the present one. With an old state, the decider may wrongly return no
   * events or refuse, and the append may conflict or repeat an earlier one.
   */
  async #onKeptState(kept: KnownStream<State>): Promise<Handled<State, E> | undefined> {
    if (!isExpected(this.#options.expectedVersion ?? 'any', true, kept.version)) return undefined
    const events = await this.#decide(kept).catch(() => [])
    if (events.length === 0) return undefined
    const result = await this.#append(events, kept.version).catch(ignoreRefusal)
    if (result === undefined || result.deduplicated) return undefined
    return this.#appended(kept, events, result)
  }

  async #onLoadedState(kept: KnownStream<State> | undefined): Promise<Handled<State, E>> {
    const { expectedVersion, commandId, signal } = this.#options
    const { retries } = this.#setup
    const stream = this.#stream
    let known = kept
    for (let attempt = 0; ; attempt++) {
      const next = await this.#decideOnLoaded(known)
      if ('known' in next) return next
      const { present, events } = next
      known = present

      let result: AppendResult
      try {
        // The decision was made on this version, so the append must follow it. With 'any' the caller accepts other
        // appends in between; 'noStream' is stricter than version 0, which an existing stream without events also has.
        const isPassedOn = expectedVersion === 'any' || expectedVersion === 'noStream'
        result = await this.#append(events, isPassedOn ? expectedVersion : present.version)
      } catch (error) {
        // Another call with the same command id appended first, with more or fewer events: the next load finds these.
        const isRepeat = commandId !== undefined && hasCode(error, 'duplicate-event-id')
        if (isRepeat && attempt <= retries) {
          this.#needsWhole = !this.#isUnhandled
          continue
        }
        const acceptsAnyVersion = expectedVersion === undefined || expectedVersion === 'streamExists'
        if (!acceptsAnyVersion || !hasCode(error, 'wrong-expected-version')) throw error
        if (attempt >= retries) throw new CommandOvertakenError(stream, this.#decisions, error.actual)
        await pause(attempt, signal)
        this.#extendTurn()
        continue
      }
      if (result.deduplicated && commandId !== undefined) {
        // Another call with the same command id recorded these events: the next load finds them.
        this.#needsWhole = !this.#isUnhandled
        if (attempt <= retries) continue
        throw notVisible(stream, result, attempt)
      }
      // With 'any', other appends may have come in between. The present state then contains their events too.
      const othersCameBetween = result.firstVersion !== present.version + 1
      if (result.deduplicated || othersCameBetween) return this.#reread(present, result)
      return this.#appended(present, events, result)
    }
  }

  /**
   * Loads the events after `known` and decides on the present state. If only a part of the stream was read, and the outcome
   * might differ for a command that was handled before, loads the whole stream first.
   */
  async #decideOnLoaded(
    known: KnownStream<State> | undefined,
  ): Promise<Handled<State, E> | Decided<State, E>> {
    const { expectedVersion, commandId, signal } = this.#options
    const { states } = this.#setup
    const stream = this.#stream
    const loaded = this.#needsWhole
      ? await states.loadWhole(stream, signal, known?.snapshot)
      : await states.load(stream, signal, known)
    this.#needsWhole = false
    if (commandId !== undefined && loaded.from !== 'known') this.#isUnhandled = loaded.from === 'start'
    const { present, exists, stored } = loaded
    const earlier = commandId === undefined ? [] : findCausedEvents(stored, stream, commandId)
    const [first] = earlier
    if (first !== undefined) {
      const events = ofVersions(loaded.events, first.version, first.version + earlier.length - 1)
      return { known: present, events, deduplicated: true }
    }
    const isElsewhere = expectedVersion !== undefined && !isExpected(expectedVersion, exists, present.version)
    if (this.#isUnhandled) {
      if (isElsewhere) throw new WrongExpectedVersionError(stream, expectedVersion, present.version)
      const events = await this.#decide(present)
      return events.length === 0 ? { known: present, events: [], deduplicated: false } : { present, events }
    }
    // The store refuses the events of a command that was handled before, but nothing shows that of a command without events.
    const events = isElsewhere ? [] : await this.#decide(present).catch(() => [])
    if (events.length > 0) return { present, events }
    this.#needsWhole = true
    return this.#decideOnLoaded(present)
  }

  /** Returns the decision on this state. Calls `decide` only once for each state. */
  #decide(known: KnownStream<State>): Promise<CausedEvents<E>> {
    if (this.#decided === undefined || !isSame(this.#decided.on, known)) {
      this.#decisions++
      this.#decided = { on: known, events: this.#decideNow(known.state) }
    }
    return this.#decided.events
  }

  async #decideNow(state: State): Promise<CausedEvents<E>> {
    const { commandId, metadata, signal } = this.#options
    const { decider, known, observation } = this.#setup
    let decision: unknown
    try {
      decision = await abortable(Promise.resolve(decider.decide(this.#command, state)), signal)
    } catch (error) {
      if (!signal?.aborted) this.#refusal = { error }
      throw error
    }
    const decided = decidedEvents<E>(decision)
    const accepted = known === undefined ? decided : acceptedEvents(known, decided)
    this.#injector ??= { inject: observation?.injector() }
    return causedEvents(accepted, this.#stream, commandId, metadata, this.#injector.inject)
  }

  #append(events: CausedEvents<E>, expectedVersion: ExpectedVersion): Promise<AppendResult> {
    const { signal } = this.#options
    const options = { expectedVersion, signal }
    if (this.#setup.observation !== undefined) markInjected(options)
    return this.#setup.store.append(this.#stream, events, options)
  }

  #appended(before: KnownStream<State>, events: CausedEvents<E>, result: AppendResult): Handled<State, E> {
    const recorded = recordedEvents(events, result)
    const known = this.#setup.states.advance(this.#stream, before, recorded)
    return { known, events: recorded, deduplicated: false }
  }

  /**
   * Loads the present state, and returns it with the events of an append of this call, or of the one that it repeats.
   * `before`: a state before the append, unless it repeats one.
   */
  async #reread(
    before: KnownStream<State>,
    { firstVersion, version, deduplicated }: AppendResult,
  ): Promise<Handled<State, E>> {
    const { states } = this.#setup
    const { signal } = this.#options
    let loaded = deduplicated ? undefined : await states.load(this.#stream, signal, before)
    const isRead = loaded !== undefined && (loaded.stored[0]?.version ?? version) <= firstVersion
    if (loaded === undefined || !isRead) {
      loaded = await states.loadWhole(this.#stream, signal, before.snapshot)
    }
    const events = ofVersions(loaded.events, firstVersion, version)
    return { known: loaded.present, events, deduplicated }
  }
}

/** Returns true for the same version of the same history. */
function isSame(one: KnownStream<unknown>, other: KnownStream<unknown>): boolean {
  return one.version === other.version && one.lastId === other.lastId
}

/** Returns the events that stored events of these versions (inclusive) are today. */
function ofVersions<E extends Event>(
  events: readonly RecordedEvent<E>[],
  first: number,
  last: number,
): readonly RecordedEvent<E>[] {
  return events.filter(({ version }) => version >= first && version <= last)
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
