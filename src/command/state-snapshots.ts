/**
 * The snapshots of one fold: reads them as states, and writes them when they are due. A snapshot is a guess, as a kept
 * state is: loading checks that the stream still has its last event, and an append at its version proves the rest.
 */
import { stateJson } from '../input/json.ts'
import { refuse } from '../input/refusal.ts'
import type { Snapshots } from '../snapshot/snapshots.ts'
import type { KnownStream } from './known-stream.ts'
import {
  type CheckedSnapshotOptions,
  checkedSnapshotOptions,
  type SnapshotOptions,
  type SnapshotSource,
  snapshotsOf,
} from './snapshot-options.ts'
import { type SnapshotWriter, snapshotWriterOf } from './snapshot-writer.ts'

// Raised when the content changes. A library of another format ignores the snapshot and replaces it.
const format = 1

/** The content of a snapshot. */
interface Content {
  readonly format: typeof format
  /** The version of the fold. */
  readonly version: number
  /** The upcasts of the events that the state was folded from. */
  readonly upcasts: string
  readonly stream: { readonly version: number; readonly position: number; readonly lastId: string }
  readonly state: unknown
}

/** A snapshot as it was read. */
export interface FoundSnapshot<State> {
  /** The version under which the store keeps it. */
  readonly version: number
  /** Undefined if this fold cannot use it. */
  readonly usable: KnownStream<State> | undefined
}

export class StateSnapshots<State> {
  readonly every: number
  readonly #snapshots: Snapshots
  readonly #writer: SnapshotWriter
  readonly #upcasts: string
  readonly #options: CheckedSnapshotOptions<State>

  /**
   * `upcasts`: identifies how stored events become the events of the fold. A snapshot of other upcasts is ignored.
   * @throws InvalidInputError if the store keeps no snapshots, or an option is wrong
   */
  constructor(store: SnapshotSource, upcasts: string, options: SnapshotOptions<State>) {
    this.#options = checkedSnapshotOptions(options)
    this.every = this.#options.every
    this.#snapshots = snapshotsOf(store)
    this.#writer = snapshotWriterOf(this.#snapshots)
    this.#upcasts = upcasts
  }

  /** Returns the snapshot of a stream; undefined if there is none, or it cannot be read. Never rejects. */
  async read(streamId: string, signal: AbortSignal | undefined): Promise<FoundSnapshot<State> | undefined> {
    const { name } = this.#options
    try {
      const found = await this.#snapshots.read(name, streamId, { signal })
      return found && { version: found.version, usable: await this.#usable(found.version, found.json) }
    } catch (error) {
      // The read of the stream beside this one rejects for the same reason.
      if (signal?.aborted !== true) this.#writer.report({ name, streamId }, 'read', error)
      return undefined
    }
  }

  async #usable(stored: number, json: string): Promise<KnownStream<State> | undefined> {
    const content = contentOf(json)
    if (content?.version !== this.#options.version || content.upcasts !== this.#upcasts) return undefined
    const { version, position, lastId } = content.stream
    if (version !== stored) return undefined
    const { schema } = this.#options
    const checked = schema && (await schema['~standard'].validate(content.state))
    if (checked?.issues !== undefined) return undefined
    const state = checked === undefined ? (content.state as State) : checked.value
    return { state, version, position, lastId, snapshot: { at: version, wrong: undefined } }
  }

  /**
   * Writes a snapshot of this state if one is due. With the option `wait`, resolves when it is written, otherwise at once.
   * Makes the text before it returns, because others may change the state later. Never rejects.
   */
  async keep(streamId: string, known: KnownStream<State>): Promise<void> {
    const place = { name: this.#options.name, streamId }
    const { state, version, position, lastId, snapshot } = known
    if (lastId === undefined || !this.#isDue(known, this.#writer.triedAt(place))) return
    const replaces = snapshot.wrong
    snapshot.at = version
    snapshot.wrong = undefined
    let json: string
    try {
      // As a property it would count as absent, and the snapshot would be one without a state.
      if (state === undefined)
        refuse('the snapshot.state', 'must be a JSON value (use null for nothing)', state)
      const stream = { version, position, lastId }
      const content: Content = {
        format,
        version: this.#options.version,
        upcasts: this.#upcasts,
        stream,
        state,
      }
      json = stateJson(content, 'the snapshot')
    } catch (error) {
      this.#writer.failed(place, version, error)
      return
    }
    const written = this.#writer.write(place, { version, json }, { replaces })
    if (this.#options.wait) await written
  }

  #isDue({ version, snapshot }: KnownStream<State>, triedAt: number): boolean {
    if (snapshot.wrong !== undefined && triedAt === 0) return true
    return version - Math.max(snapshot.at, triedAt) >= this.every
  }
}

/** Returns the content of a snapshot; undefined if it has another format or is damaged. */
function contentOf(json: string): Content | undefined {
  try {
    const content: Partial<Content> | null = JSON.parse(json)
    if (content?.format !== format || content.state === undefined) return undefined
    const { version, position, lastId } = content.stream ?? {}
    const isComplete = Number.isSafeInteger(version) && Number.isSafeInteger(position)
    return isComplete && typeof lastId === 'string' ? (content as Content) : undefined
  } catch {
    return undefined
  }
}
