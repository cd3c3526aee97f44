/**
 * Builds a new generation of documents while readers still get the present one. It folds the log in batches. Each batch
 * commits in one transaction with the checkpoint of the build, so that an interrupted build resumes where it was.
 */
import { selectsWholeCatalogue } from '../catalogue/required-events.ts'
import { type TypeFilter, typeFilter } from '../catalogue/type-filter.ts'
import { hasCode, isOutage, LogNotSettledError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import { pause } from '../runtime/retry.ts'
import type { LogQuery } from '../storage/log-query.ts'
import type {
  DocumentAddress,
  DocumentChange,
  StorageTransaction,
  StoredDocument,
} from '../storage/projections.ts'
import type { BuildLease } from './build-lease.ts'
import { addressesOf, DocumentStates, keyedEvents } from './fold-documents.ts'
import type { RebuildOptions } from './maintenance.ts'
import type { AnyDocumentProjection } from './projection.ts'

const eventsPerPage = 5_000
// With more states in memory, the build forgets all of them and reads them again when an event changes them.
const mostStates = 50_000
// How many transient errors in a row end a build that makes no progress.
const mostFailures = 10
// If the build is n times as fast as the appends, each pass has about 1/n of the events of the pass before.
const passes = 3
// How long the final transaction may wait for running appends, in milliseconds. The projection's writers wait as long.
const longestSettling = 5_000
const mostFinalAttempts = 10

export interface ProjectionBuildOptions {
  /** The generation to build. */
  readonly generation: number
  readonly batchSize: number
  readonly onProgress: RebuildOptions['onProgress']
  readonly signal: AbortSignal | undefined
}

export class ProjectionBuild {
  readonly #environment: EngineEnvironment
  readonly #projection: AnyDocumentProjection
  readonly #lease: BuildLease
  readonly #options: ProjectionBuildOptions
  readonly #states: DocumentStates
  readonly #filter: TypeFilter
  readonly #startedAt: number
  /** Whether the storage may hold documents of this generation that are not in memory. */
  #mayHaveStored = true
  #position = 0
  #startPosition = 0
  #writing = Promise.resolve()
  /** How many events this process has folded in. */
  events = 0

  constructor(
    environment: EngineEnvironment,
    projection: AnyDocumentProjection,
    lease: BuildLease,
    options: ProjectionBuildOptions,
  ) {
    this.#environment = environment
    this.#projection = projection
    this.#lease = lease
    this.#options = options
    this.#states = new DocumentStates(projection)
    const { events, streamPrefix } = projection
    this.#filter = typeFilter(
      environment.known,
      { types: events, streamPrefix, tags: undefined },
      { field: 'projection.events', isWholeCatalogue: selectsWholeCatalogue(projection, events) },
    )
    this.#startedAt = environment.clock.now()
  }

  /** The position up to which the documents are complete. */
  get position(): number {
    return this.#position
  }

  /**
   * Builds nearly up to the end of the log, in a fixed number of passes. Each pass ends where the log ended when the
   * pass began. With fast appends, a loop up to the very end might never finish; `catchUp` builds the rest.
   */
  async buildToEnd(): Promise<void> {
    const { storage } = this.#environment
    for (let pass = 1; pass <= passes; pass++) {
      await this.build(await storage.lastPosition(this.#options.signal))
    }
  }

  /** Builds up to a position (inclusive), or to the frontier of the log if that is lower. Retries transient errors. */
  async build(until: number): Promise<void> {
    const { signal } = this.#options
    for (let failures = 0; ; ) {
      const before = this.#position
      let isRestarted = false
      try {
        await this.#restart()
        isRestarted = true
        await this.#buildFrom(until)
        return
      } catch (error) {
        signal?.throwIfAborted()
        // A server that was replaced or restarted also makes the lease look lost. The next start tells: it renews the
        // lease, and throws if another process has it.
        if (!isOutage(error) && !(isRestarted && hasCode(error, 'lease-lost'))) throw error
        failures = this.#position > before ? 1 : failures + 1
        if (failures > mostFailures) throw error
        await pause(failures, signal)
      }
    }
  }

  /** Starts again from the stored checkpoint, because the states in memory may differ from the stored documents. */
  async #restart(): Promise<void> {
    // The last write may still commit, and move the checkpoint.
    this.#writing = this.#writing.catch(() => {})
    await this.#writing
    this.#states.clear()
    this.#position = await this.#lease.readCheckpoint(this.#options.signal)
    this.#mayHaveStored = this.#position > 0
    if (this.events === 0) this.#startPosition = this.#position
  }

  async #buildFrom(until: number): Promise<void> {
    const { storage } = this.#environment
    const { signal, batchSize } = this.#options
    let batch: RecordedEvent[] = []
    let page = storage.readLogPage(this.#query(this.#position, until), signal)
    for (let full = true; full; ) {
      const { events, through, full: isFull } = await page
      full = isFull
      if (full) {
        // The storage reads the next page while this process folds the present one.
        page = storage.readLogPage(this.#query(through, until), signal)
        page.catch(() => {})
        // One turn of the event loop, so that the request leaves the process before the folding occupies it.
        await new Promise(setImmediate)
      }
      batch = batch.length === 0 ? [...events] : batch.concat(events)
      if (full && batch.length < batchSize) continue
      const load = (addresses: readonly DocumentAddress[]) =>
        storage.transaction(
          'Reading documents',
          (transaction) => transaction.readDocuments(addresses),
          signal,
        )
      const changes = await this.#fold(batch, load)
      await this.#writing
      this.#writing = this.#write(changes, through, batch.length)
      this.#writing.catch(() => {})
      batch = []
      if (this.#states.size > mostStates) {
        await this.#writing
        this.#states.clear()
        this.#mayHaveStored = true
      }
    }
    await this.#writing
  }

  /**
   * Runs `work` in the final transaction of the build, which also proves that the lease is still held. Retries it after
   * a transient error. Before each retry, `prepareRetry` builds the events that have come since; if it finds that the
   * failed attempt was committed all the same, it returns the result, and the call ends.
   */
  async runFinalTransaction<T>(
    what: string,
    work: (transaction: StorageTransaction) => Promise<T>,
    prepareRetry: () => Promise<T | undefined>,
  ): Promise<T> {
    const { storage } = this.#environment
    const { signal } = this.#options
    for (let attempt = 1; ; attempt++) {
      try {
        const held = await this.#lease.held(signal)
        const workAndAdvance = async (transaction: StorageTransaction) => {
          const result = await work(transaction)
          await transaction.advance(held, this.#position)
          return result
        }
        return await storage.transaction(what, workAndAdvance, signal)
      } catch (error) {
        signal?.throwIfAborted()
        // If another process has the lease, `prepareRetry` throws when it renews the lease.
        const isTransient =
          hasCode(error, 'log-not-settled') || isOutage(error) || hasCode(error, 'lease-lost')
        if (!isTransient || attempt === mostFinalAttempts) throw error
        await pause(attempt, signal)
        const result = await prepareRetry()
        if (result !== undefined) return result
      }
    }
  }

  /**
   * Folds in the remaining events inside the final transaction: up to `until` (inclusive), and at least up to `target`.
   * An event exists at `target`, but a running append with a lower position may hide it.
   * @throws LogNotSettledError if that append does not end in time
   */
  async catchUp(
    transaction: StorageTransaction,
    target: number,
    until: number = Number.MAX_SAFE_INTEGER,
  ): Promise<void> {
    const { clock } = this.#environment
    const end = clock.now() + longestSettling
    for (;;) {
      const page = await transaction.readLogPage(this.#query(this.#position, until))
      const changes = await this.#fold(page.events, (addresses) => transaction.readDocuments(addresses))
      if (changes.length > 0) await transaction.writeDocuments(changes)
      this.#position = page.through
      this.events += page.events.length
      if (page.full) continue
      if (this.#position >= target) return
      if (clock.now() > end) throw new LogNotSettledError(this.#position, target)
      await clock.sleep(10, this.#options.signal)
    }
  }

  /** @throws UnreadableEventError if the catalogue of the store cannot read an event */
  async #fold(
    stored: readonly RecordedEvent[],
    load: (addresses: readonly DocumentAddress[]) => Promise<readonly (StoredDocument | undefined)[]>,
  ): Promise<readonly DocumentChange[]> {
    const { generation } = this.#options
    const { events, unreadable } = this.#filter.today(stored)
    if (unreadable !== undefined) throw unreadable
    const keyed = keyedEvents(this.#projection, events)
    const missing = addressesOf(this.#projection, generation, keyed).filter(
      ({ key }) => !this.#states.has(key),
    )
    const documents = this.#mayHaveStored && missing.length > 0 ? await load(missing) : []
    for (const [index, { key }] of missing.entries()) this.#states.set(key, documents[index])
    for (const event of keyed) this.#states.fold(event)
    return this.#states.takeChanges(generation)
  }

  async #write(changes: readonly DocumentChange[], through: number, count: number): Promise<void> {
    const { storage } = this.#environment
    const { signal } = this.#options
    const lease = await this.#lease.held(signal)
    await storage.transaction(
      'Building a projection',
      async (transaction) => {
        if (changes.length > 0) await transaction.writeDocuments(changes)
        await transaction.advance(lease, through)
      },
      signal,
    )
    this.#position = through
    this.events += count
    await this.#report()
  }

  async #report(): Promise<void> {
    const { onProgress, signal } = this.#options
    if (onProgress === undefined) return
    const lastPosition = await this.#environment.storage.lastPosition(signal)
    const elapsed = this.#environment.clock.now() - this.#startedAt
    const covered = this.#position - this.#startPosition
    await onProgress({
      position: this.#position,
      lastPosition,
      events: this.events,
      eventsPerSecond: elapsed > 0 ? (this.events / elapsed) * 1000 : 0,
      timeLeft:
        covered > 0
          ? (Math.max(0, lastPosition - this.#position) / covered) * elapsed
          : Number.POSITIVE_INFINITY,
    })
  }

  #query(after: number, until: number): LogQuery {
    const limit = Math.min(eventsPerPage, this.#options.batchSize)
    const all = { partition: undefined, direction: 'forward', limit } as const
    return { ...all, ...this.#filter.stored, after, until }
  }
}
