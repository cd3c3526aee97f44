/**
 * Reads the documents of one projection for all its watches, and finds out when a rebuild has replaced them. It waits while
 * the database is away.
 */
import { hasCode, InvalidInputError, isOutage, ProjectionVersionError } from '../errors/index.ts'
import type { AnyDocumentProjection } from '../projection/projection.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Operations } from '../runtime/operations.ts'
import { presentCaller } from '../storage/caller.ts'
import { fullPace } from '../storage/pace.ts'
import type { ProjectionMode, StoredDocument } from '../storage/projections.ts'
import { lowestCheckpoint } from '../subscription/checkpoint-waits.ts'
import { SharedReads } from './shared-reads.ts'

const documentsPerPage = 500
const mostDocuments = 10_000
const mostParked = 1_000
// All in milliseconds.
const pauseAfterOutage = 250
const longestPoll = 1_000

/** Which documents readers get now. */
export interface Registered {
  readonly generation: number
  readonly version: number
  readonly mode: ProjectionMode
}

export class DocumentReads {
  readonly #environment: EngineEnvironment
  readonly #operations: Operations
  readonly #projection: AnyDocumentProjection
  readonly #signal: AbortSignal
  readonly #shared = new SharedReads()
  // A read serves several callers. It must not run in the async context of one of them, such as its transaction.
  readonly #own = presentCaller()

  /** `signal`: ends all reads. */
  constructor(
    environment: EngineEnvironment,
    operations: Operations,
    projection: AnyDocumentProjection,
    signal: AbortSignal,
  ) {
    this.#environment = environment
    this.#operations = operations
    this.#projection = projection
    this.#signal = signal
  }

  now(): number {
    return this.#shared.now()
  }

  document(key: string, since: number): Promise<StoredDocument | undefined> {
    const { name } = this.#projection
    return this.#shared.read(`key ${key}`, since, () =>
      this.persist((storage, signal) => storage.readDocument(name, key, signal)),
    )
  }

  /** @throws InvalidInputError if there are too many documents to watch */
  documents(prefix: string, since: number): Promise<readonly StoredDocument[]> {
    return this.#shared.read(`prefix ${prefix}`, since, async () => {
      const documents: StoredDocument[] = []
      for (;;) {
        const last = documents.at(-1)?.key ?? ''
        const page = await this.persist((storage, signal) =>
          storage.listDocuments(this.#projection.name, prefix, last, documentsPerPage, signal),
        )
        documents.push(...page)
        if (documents.length > mostDocuments) {
          const problem = `must select at most ${mostDocuments.toLocaleString('en')} documents of projection '${this.#projection.name}': watch a longer prefix`
          throw new InvalidInputError('keys.prefix', problem, prefix)
        }
        if (page.length < documentsPerPage) return documents
      }
    })
  }

  /**
   * Returns which documents readers get; version 0 and generation 0 if there are none yet.
   * @throws ProjectionVersionError if they have another version, whose keys may differ
   */
  registered(): Promise<Registered> {
    const { name, version } = this.#projection
    return this.#shared.read('registration', this.now(), async () => {
      const found = await this.persist((storage, signal) => storage.registeredProjection(name, signal))
      const registered = found ?? { generation: 0, version: 0, mode: 'async' as const }
      if (registered.version !== 0 && registered.version !== version) {
        const { mode } = registered
        throw new ProjectionVersionError(name, version, registered.version, mode, mode)
      }
      return registered
    })
  }

  /** Returns the position up to which the documents of an async projection are complete. */
  async checkpoint(): Promise<number> {
    const { name } = this.#projection
    return lowestCheckpoint(await this.persist((storage, signal) => storage.checkpoints(name, signal)))
  }

  /** Returns the positions of the events that an async projection has parked: its documents lack them. */
  parked(): Promise<ReadonlySet<number>> {
    const { name } = this.#projection
    return this.#shared.read('parked', this.now(), async () => {
      const records = await this.persist((storage, signal) => storage.listParked(name, 0, mostParked, signal))
      return new Set(records.map(({ position }) => position))
    })
  }

  /**
   * Waits until the documents contain all events up to a position, however long the projection takes. An inline projection
   * always does. Documents that do not exist yet come with another generation.
   */
  async reach(position: number, known: Registered): Promise<void> {
    const { clock, checkpointWaits, storage } = this.#environment
    const { name } = this.#projection
    const { heartbeatInterval } = storage.pace ?? fullPace
    let { mode } = known
    while (mode === 'async' && position > 0) {
      try {
        const target = { position, timeout: longestPoll, signal: this.#signal }
        return await this.#operations.perform(this.#signal, () => checkpointWaits.wait(name, target))
      } catch (error) {
        if (!hasCode(error, 'subscription-behind') && !isOutage(error)) throw error
      }
      await clock.sleep(heartbeatInterval, this.#signal)
      const present = await this.registered()
      if (present.version === 0 && present.generation !== known.generation) return
      mode = present.mode
    }
  }

  /** Reads from the storage, and repeats the read while the database is away. */
  async persist<T>(
    read: (storage: EngineEnvironment['storage'], signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { storage, clock } = this.#environment
    for (;;) {
      try {
        return await this.#own(() =>
          this.#operations.perform(this.#signal, () => read(storage, this.#signal)),
        )
      } catch (error) {
        if (this.#signal.aborted || !isOutage(error)) throw error
      }
      await clock.sleep(pauseAfterOutage, this.#signal)
    }
  }
}
