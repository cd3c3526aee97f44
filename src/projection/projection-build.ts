/**
 * Building a generation of documents beside the one that is read: batch after batch, each written in one transaction
 * with the checkpoint, so that a build that was interrupted is gone on with where it was.
 */
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
import { addressesOf, concernsOf, DocumentStates } from './fold-documents.ts'
import type { RebuildOptions } from './maintenance.ts'
import type { AnyDocumentProjection } from './projection.ts'

const eventsPerPage = 5_000
// Documents of which the state is kept; beyond that, they are read again when they are concerned again.
const mostStates = 50_000
const mostFailures = 10
// Each is about as much shorter than the one before as this is faster than the appends.
const passes = 3
// How long the end may wait for appends that are under way elsewhere, in milliseconds: it keeps others waiting.
const longestSettling = 5_000

const mostConclusions = 10

export interface ProjectionBuildOptions {
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
  readonly #startedAt: number
  /** Whether documents that are not among the states may exist. */
  #mayExist = true
  #position = 0
  #startPosition = 0
  #writing = Promise.resolve()
  /** How many events were folded in. */
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
    this.#startedAt = environment.clock.now()
  }

  get position(): number {
    return this.#position
  }

  /**
   * Builds up to the end of the log, or nearly: to where it was when each pass began. Appends that are faster than this
   * could be followed for ever; what they leave over is for `finish`.
   */
  async buildToEnd(): Promise<void> {
    const { storage } = this.#environment
    for (let pass = 1; pass <= passes; pass++) {
      await this.build(await storage.lastPosition(this.#options.signal))
    }
  }

  /** Builds up to a position, or to where the log is settled. */
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
        // A lease that is lost only because the server is another one, or was started again, is there at the next start.
        if (!isOutage(error) && !(isRestarted && hasCode(error, 'lease-lost'))) throw error
        failures = this.#position > before ? 1 : failures + 1
        if (failures > mostFailures) throw error
        await pause(failures, signal)
      }
    }
  }

  /** What is in memory may be more, or less, than what was written. */
  async #restart(): Promise<void> {
    // It may still be committed.
    this.#writing = this.#writing.catch(() => {})
    await this.#writing
    this.#states.clear()
    this.#position = await this.#lease.reread(this.#options.signal)
    this.#mayExist = this.#position > 0
    if (this.events === 0) this.#startPosition = this.#position
  }

  async #buildFrom(until: number): Promise<void> {
    const { storage } = this.#environment
    const { signal, batchSize } = this.#options
    let gathered: RecordedEvent[] = []
    let page = storage.readLogPage(this.#query(this.#position, until), signal)
    for (let full = true; full; ) {
      const { events, through, full: isFull } = await page
      full = isFull
      if (full) {
        // The next page comes while this one is folded.
        page = storage.readLogPage(this.#query(through, until), signal)
        page.catch(() => {})
        // So that it is on its way while this one is decoded and folded. No longer: appends go on all the while.
        await new Promise(setImmediate)
      }
      gathered = gathered.length === 0 ? [...events] : gathered.concat(events)
      if (full && gathered.length < batchSize) continue
      const batch = gathered
      gathered = []
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
      if (this.#states.size > mostStates) {
        await this.#writing
        this.#states.clear()
        this.#mayExist = true
      }
    }
    await this.#writing
  }

  /**
   * Does `work` in the transaction that ends the build. After what may pass, `again` builds what came meanwhile, or tells
   * that it was done all the same.
   */
  async conclude<T>(
    what: string,
    work: (transaction: StorageTransaction) => Promise<T>,
    again: () => Promise<T | undefined>,
  ): Promise<T> {
    const { storage } = this.#environment
    const { signal } = this.#options
    for (let attempt = 1; ; attempt++) {
      try {
        const held = await this.#lease.held(signal)
        const attempted = async (transaction: StorageTransaction) => {
          const result = await work(transaction)
          await transaction.advance(held, this.#position)
          return result
        }
        return await storage.transaction(what, attempted, signal)
      } catch (error) {
        signal?.throwIfAborted()
        // A lease that is lost for good shows when it is built again.
        const mayPass = hasCode(error, 'log-not-settled') || isOutage(error) || hasCode(error, 'lease-lost')
        if (!mayPass || attempt === mostConclusions) throw error
        await pause(attempt, signal)
        const result = await again()
        if (result !== undefined) return result
      }
    }
  }

  /**
   * Folds in the rest in the transaction that ends the build: up to `until`, and at least up to `target`. The latter is
   * the position of an event that is there, but may be hidden behind an append of somebody else that is under way.
   */
  async finish(
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

  async #fold(
    events: readonly RecordedEvent[],
    load: (addresses: readonly DocumentAddress[]) => Promise<readonly (StoredDocument | undefined)[]>,
  ): Promise<readonly DocumentChange[]> {
    const { generation } = this.#options
    const concerned = concernsOf(this.#projection, events)
    const missing = addressesOf(this.#projection, generation, concerned).filter(
      ({ key }) => !this.#states.has(key),
    )
    const documents = this.#mayExist && missing.length > 0 ? await load(missing) : []
    for (const [index, { key }] of missing.entries()) this.#states.set(key, documents[index])
    for (const concern of concerned) this.#states.fold(concern)
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
    const head = await this.#environment.storage.lastPosition(signal)
    const elapsed = this.#environment.clock.now() - this.#startedAt
    const covered = this.#position - this.#startPosition
    await onProgress({
      position: this.#position,
      head,
      events: this.events,
      eventsPerSecond: elapsed > 0 ? (this.events / elapsed) * 1000 : 0,
      timeLeft:
        covered > 0 ? (Math.max(0, head - this.#position) / covered) * elapsed : Number.POSITIVE_INFINITY,
    })
  }

  #query(after: number, until: number): LogQuery {
    const { events, streamPrefix } = this.#projection
    const limit = Math.min(eventsPerPage, this.#options.batchSize)
    const all = { tags: undefined, partition: undefined, direction: 'forward', limit } as const
    return { ...all, after, until, types: events, streamPrefix }
  }
}
