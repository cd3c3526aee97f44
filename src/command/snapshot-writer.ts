/**
 * Writes the snapshots of one store in the background, one at a time for each stream. While the writer writes one, it keeps
 * only the latest of the next ones. A failed write fails no command: it emits a warning.
 */
import { reasonOf } from '../errors/base.ts'
import { hasCode } from '../errors/index.ts'
import type { Snapshot, Snapshots, WriteSnapshotOptions } from '../snapshot/snapshots.ts'
import { emitWarning } from '../storage/warnings.ts'

/** A write that runs, and the one that waits for its end. */
interface Writing {
  readonly version: number
  readonly done: Promise<void>
  next: { readonly snapshot: Snapshot; readonly options: WriteSnapshotOptions } | undefined
}

/** The name of a snapshot, and its stream. */
export interface SnapshotPlace {
  readonly name: string
  readonly streamId: string
}

// Beyond this number of streams, the writer forgets the one whose write failed longest ago.
const maxFailed = 1_000

const writers = new WeakMap<Snapshots, SnapshotWriter>()

/** Returns the writer of a store. All handlers on the store share it. */
export function snapshotWriterOf(snapshots: Snapshots): SnapshotWriter {
  const writer = writers.get(snapshots) ?? new SnapshotWriter(snapshots)
  writers.set(snapshots, writer)
  return writer
}

export class SnapshotWriter {
  readonly #snapshots: Snapshots
  readonly #writing = new Map<string, Writing>()
  /** The versions of the last snapshots that could not be written, by place, in the order of the failures. */
  readonly #failed = new Map<string, number>()
  /** The names of snapshots about which a warning was emitted. */
  readonly #reported = new Set<string>()

  constructor(snapshots: Snapshots) {
    this.#snapshots = snapshots
  }

  /**
   * Returns the latest version whose snapshot is being written, waits for its turn, or could not be written; 0 if there is
   * none. Without it, each command would retry a snapshot that always fails, for example because it is too large.
   */
  triedAt({ name, streamId }: SnapshotPlace): number {
    const key = keyOf(name, streamId)
    const writing = this.#writing.get(key)
    return Math.max(this.#failed.get(key) ?? 0, writing?.version ?? 0, writing?.next?.snapshot.version ?? 0)
  }

  /** Writes a snapshot, or leaves that to the end of the present write. Resolves when it is written; never rejects. */
  async write(place: SnapshotPlace, snapshot: Snapshot, options: WriteSnapshotOptions): Promise<void> {
    const key = keyOf(place.name, place.streamId)
    for (let present = this.#writing.get(key); present !== undefined; present = this.#writing.get(key)) {
      if (present.next === undefined || present.next.snapshot.version <= snapshot.version) {
        present.next = { snapshot, options }
      }
      await present.done
      // A later snapshot has taken its place.
      if (present.next?.snapshot !== snapshot) return
    }
    const done = this.#writeNow(place, snapshot, options)
    const writing: Writing = { version: snapshot.version, done, next: undefined }
    this.#writing.set(key, writing)
    await done
    this.#writing.delete(key)
  }

  async #writeNow(place: SnapshotPlace, snapshot: Snapshot, options: WriteSnapshotOptions): Promise<void> {
    const { name, streamId } = place
    const key = keyOf(name, streamId)
    try {
      await this.#snapshots.write(name, streamId, snapshot, options)
      this.#failed.delete(key)
    } catch (error) {
      this.failed(place, snapshot.version, error)
    }
  }

  /** Remembers and reports that a snapshot could not be written. */
  failed(place: SnapshotPlace, version: number, error: unknown): void {
    const key = keyOf(place.name, place.streamId)
    this.#failed.delete(key)
    this.#failed.set(key, version)
    const [oldest] = this.#failed.keys()
    if (this.#failed.size > maxFailed) this.#failed.delete(oldest as string)
    this.report(place, 'written', error)
  }

  /** Emits a warning, once for each name: the commands do not fail, but each load reads more events. */
  report({ name, streamId }: SnapshotPlace, what: 'read' | 'written', error: unknown): void {
    // A program that ends closes its store while a snapshot is still to be written.
    if (hasCode(error, 'store-closed') || this.#reported.has(name)) return
    this.#reported.add(name)
    emitWarning({
      code: 'snapshot-failed',
      message: `The snapshot '${name}' of stream '${streamId}' could not be ${what}: ${reasonOf(error)}. Commands still succeed, but read more events. Further failures of '${name}' are not reported`,
    })
  }
}

const keyOf = (name: string, streamId: string) => JSON.stringify([name, streamId])
