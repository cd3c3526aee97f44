/** The command handler: load, decide, append; again if somebody else was faster. */
import type { Decider, Decision } from './decider.ts'
import { hasCode, WrongExpectedVersionError } from './errors.ts'
import type { Event, Metadata, RecordedEvent } from './event.ts'
import { isExpected } from './expected-version.ts'
import { fold } from './fold.ts'
import { pause } from './retry.ts'
import type { AppendResult, CallOptions, EventStore, ExpectedVersion } from './store.ts'
import { uuidOf, uuidv7 } from './uuid.ts'

export interface CommandHandlerOptions<State, Command, E extends Event> {
  readonly store: Pick<EventStore, 'readStream' | 'append'>
  readonly decider: Decider<State, Command, E>
  /** Which stream a command's id stands for. @default the id itself */
  readonly streamId?: ((id: string) => string) | undefined
  /** How often a command is decided anew when another append came first. @default 3 */
  readonly retries?: number | undefined
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

export interface Handled<State, E extends Event> {
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
) => Promise<Handled<State, E>>

/** Makes the function that handles the commands of a decider. Whatever `decide` throws reaches the caller as it is. */
export function commandHandler<State, Command, E extends Event>(
  options: CommandHandlerOptions<State, Command, E>,
): CommandHandler<State, Command, E> {
  const { store, decider, streamId = (id: string) => id, retries = 3 } = options

  return async function handle(id, command, { expectedVersion, commandId, metadata, signal } = {}) {
    const stream = streamId(id)
    const causationId = commandId ?? uuidv7()
    for (let attempt = 0; ; attempt++) {
      const { events: history, version, exists } = await store.readStream<E>(stream, { signal })
      const state = fold(decider, history)
      const position = history.at(-1)?.position ?? 0

      const earlier = commandId === undefined ? [] : causedByCommand(history, stream, commandId)
      if (earlier.length > 0) return { state, version, events: earlier, position, deduplicated: true }
      if (expectedVersion !== undefined && !isExpected(expectedVersion, exists, version)) {
        throw new WrongExpectedVersionError(stream, expectedVersion, version)
      }
      const decided = asArray(await decider.decide(command, state))
      if (decided.length === 0) return { state, version, events: [], position, deduplicated: false }

      const events = decided.map((event, index) => ({
        ...event,
        id: commandId === undefined ? (event.id ?? uuidv7()) : uuidOf('command', stream, commandId, index),
        metadata: { correlationId: causationId, causationId, ...metadata, ...event.metadata },
      }))
      try {
        const result = await store.append(stream, events, {
          // Whatever was expected, the decision was made on this version; only 'any' accepts another one.
          expectedVersion:
            expectedVersion === 'any' || expectedVersion === 'noStream' ? expectedVersion : version,
          signal,
        })
        if (result.deduplicated && commandId !== undefined) continue
        // With 'any', others may have come between: the state is then more than what was loaded and decided.
        const othersCameBetween = result.firstVersion !== version + 1
        if (result.deduplicated || othersCameBetween) return await reread(stream, result, signal)
        const recorded = events.map((event, index) => record(event, result, index))
        return {
          state: fold(decider, recorded, state),
          version: result.version,
          events: recorded,
          position: result.position,
          deduplicated: false,
        }
      } catch (error) {
        // A twin of this command was faster, and decided on more or less: the next load finds what it recorded.
        if (hasCode(error, 'duplicate-event-id') && commandId !== undefined) continue
        const lostRace = hasCode(error, 'wrong-expected-version') && expectedVersion === undefined
        if (!lostRace || attempt >= retries) throw error
        await pause(attempt, signal)
      }
    }
  }

  /** The stream as it is now, with the events that were appended, now or before by the ids they were given. */
  async function reread(
    stream: string,
    { firstVersion, version: lastVersion, deduplicated }: AppendResult,
    signal: AbortSignal | undefined,
  ): Promise<Handled<State, E>> {
    const { events: history, version } = await store.readStream<E>(stream, { signal })
    const events = history.slice(firstVersion - 1, lastVersion)
    return {
      state: fold(decider, history),
      version,
      events,
      position: history.at(-1)?.position ?? 0,
      deduplicated,
    }
  }
}

/** The events that a command with this id caused in this stream, if it was handled before. */
function causedByCommand<E extends Event>(
  history: readonly RecordedEvent<E>[],
  stream: string,
  commandId: string,
): readonly RecordedEvent<E>[] {
  const first = uuidOf('command', stream, commandId, 0)
  const from = history.findIndex((event) => event.id === first)
  if (from < 0) return []
  let to = from + 1
  while (history[to]?.id === uuidOf('command', stream, commandId, to - from)) to++
  return history.slice(from, to)
}

function asArray<E extends Event>(decided: Decision<E>): readonly E[] {
  if (decided === undefined) return []
  return Array.isArray(decided) ? decided : [decided as E]
}

/** The event as the store will give it back: with the payload as it is after its way through JSON. */
function record<E extends Event>(
  event: E & { readonly id: string; readonly metadata: Metadata },
  result: AppendResult,
  index: number,
): RecordedEvent<E> {
  return {
    ...event,
    id: event.id.toLowerCase(),
    data: JSON.parse(JSON.stringify(event.data)),
    metadata: JSON.parse(JSON.stringify(event.metadata)),
    tags: [...(event.tags ?? [])],
    streamId: result.streamId,
    version: result.firstVersion + index,
    position: result.positions[index] as number,
    recordedAt: result.recordedAt as Date,
  }
}
