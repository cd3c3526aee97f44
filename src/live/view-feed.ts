/**
 * Follows the log for all watches of one projection. The projection's own `key` function says which documents an event
 * changes. The feed waits until they contain the event, reads each one once, and offers it to the watchers that want it:
 *
 *     log ──page──▶ keys ──▶ the documents contain it ──▶ read the watched ones ──▶ watchers
 *
 * Invariant: the documents contain every event up to `#position`, and the watchers were offered every change up to there.
 * So a watch that begins reads the present state, and misses nothing.
 */
import { selectsWholeCatalogue } from '../catalogue/required-events.ts'
import { type TypeFilter, typeFilter } from '../catalogue/type-filter.ts'
import { LogTruncatedError } from '../errors/index.ts'
import { logPages } from '../log/log-pages.ts'
import { keyedEvents } from '../projection/fold-documents.ts'
import type { AnyDocumentProjection } from '../projection/projection.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Operations } from '../runtime/operations.ts'
import { wholeLog } from '../storage/log-query.ts'
import { fullPace } from '../storage/pace.ts'
import { startPosition } from '../subscription/start-position.ts'
import { DocumentReads, type Registered } from './document-reads.ts'
import { type KeyedPosition, RecentChanges } from './recent-changes.ts'
import type { DocumentSource, ReadDocument, Scope, Snapshot, Watcher } from './watcher.ts'
import { WatcherSet } from './watcher-set.ts'

// A watch that resumes further back than so many pages of 1,000 events begins with the present state instead.
const mostPagesBack = 5
const eventsPerPage = 1_000

export class ViewFeed implements DocumentSource {
  readonly #environment: EngineEnvironment
  readonly #operations: Operations
  readonly #projection: AnyDocumentProjection
  readonly #filter: TypeFilter
  readonly #reads: DocumentReads
  readonly #watchers = new WatcherSet()
  readonly #stop = new AbortController()
  readonly #onEnd: () => void
  #registered: Registered = { generation: 0, version: 0, mode: 'async' }
  #position = 0
  /** A read that began at this moment or later contains every event up to `#position`. */
  #since = 0
  #recent = new RecentChanges(0)
  #extending: Promise<boolean> | undefined
  /** A watch that resumes at a lower position goes too far back. */
  #unreachable = 0
  #ready: Promise<void> | undefined
  /** The positions of the parked events. The documents lack them until the projection handles them, without a new event. */
  #parked: ReadonlySet<number> = new Set()
  /** A watch that resumes at this position or before may lack events that were no longer parked then. */
  #unparkedAt = -1

  /** `onEnd`: called when the last watcher has left, or the feed has failed. */
  constructor(
    environment: EngineEnvironment,
    operations: Operations,
    projection: AnyDocumentProjection,
    onEnd: () => void,
  ) {
    this.#environment = environment
    this.#operations = operations
    this.#projection = projection
    this.#onEnd = onEnd
    this.#reads = new DocumentReads(environment, operations, projection, this.#stop.signal)
    const { events, streamPrefix } = projection
    this.#filter = typeFilter(
      environment.known,
      { types: events, streamPrefix, tags: undefined },
      { field: 'projection.events', isWholeCatalogue: selectsWholeCatalogue(projection, events) },
    )
  }

  /** Follows the log until the feed ends. Never rejects: an error fails all watchers. */
  async run(): Promise<void> {
    try {
      this.#ready = this.#start()
      await this.#ready
      await Promise.all([this.#follow(), this.#watchGeneration()])
    } catch (error) {
      this.fail(error)
    }
  }

  /** Ends the feed. Each watcher throws the error. */
  fail(error: unknown): void {
    if (this.#stop.signal.aborted) return
    this.#stop.abort(error)
    this.#onEnd()
    for (const watcher of this.#watchers) watcher.fail(error)
  }

  add(watcher: Watcher): void {
    this.#watchers.add(watcher)
  }

  remove(watcher: Watcher): void {
    this.#watchers.remove(watcher)
    if (this.#watchers.size > 0 || this.#stop.signal.aborted) return
    this.#stop.abort(new Error('no watch is left'))
    this.#onEnd()
  }

  /**
   * Leads an added watcher to where it resumes, or to the present state.
   * @throws LogTruncatedError if the log ends before `after`
   */
  async begin(watcher: Watcher, after: number | undefined, generation: number | undefined): Promise<void> {
    await this.#ready
    const isOfPresent = (generation ?? this.#registered.generation) === this.#registered.generation
    if (after === undefined || !isOfPresent || after <= this.#unparkedAt) {
      watcher.reset()
      return
    }
    if (after > this.#position) {
      await this.#reads.persist((storage, signal) => startPosition(storage, { after }, signal))
    }
    // One event may change several documents, and the caller may have handled the change of one only.
    const seen = watcher.scope.kind === 'prefix' ? Math.max(0, after - 1) : after
    if (!(await this.#reachBack(seen))) {
      watcher.reset()
      return
    }
    watcher.skipUntil(seen)
    watcher.offerMissed(this.#recent.keysAfter(seen, (key) => watcher.wants(key)))
  }

  now(): number {
    return this.#reads.now()
  }

  async document(key: string, since: number): Promise<ReadDocument> {
    for (;;) {
      const { generation } = this.#registered
      const document = await this.#reads.document(key, since)
      if (!(await this.#hasMoved(generation))) return { document, generation }
    }
  }

  async snapshot({ kind, text }: Scope): Promise<Snapshot> {
    for (;;) {
      const { generation } = this.#registered
      const [position, since] = [this.#position, this.#since]
      const documents =
        kind === 'prefix'
          ? await this.#reads.documents(text, since)
          : [await this.#reads.document(text, since)].filter((one) => one !== undefined)
      if (!(await this.#hasMoved(generation))) return { documents, generation, position }
    }
  }

  async #start(): Promise<void> {
    this.#registered = await this.#reads.registered()
    const end = await this.#reads.persist((storage, signal) => startPosition(storage, 'end', signal))
    const isInline = this.#registered.mode === 'inline'
    this.#position = isInline ? end : Math.min(end, await this.#reads.checkpoint())
    this.#recent = new RecentChanges(this.#position)
    if (!isInline) await this.#checkParked()
    this.#since = this.now()
  }

  async #follow(): Promise<void> {
    const { log, storage } = this.#environment
    const { pollInterval } = storage.pace ?? fullPace
    const member = log.join({ filter: this.#filter.stored, pollInterval })
    const { signal } = this.#stop
    const persistent = {
      read: (query: Parameters<typeof member.read>[0]) =>
        this.#reads.persist((_, signal) => member.read(query, signal)),
      wait: (through: number) => this.#reads.persist((_, signal) => member.wait(through, signal)),
    }
    const source = {
      readLogPage: (query: Parameters<typeof storage.readLogPage>[0]) =>
        this.#reads.persist((storage, signal) => storage.readLogPage(query, signal)),
    }
    const query = {
      ...wholeLog,
      ...this.#filter.stored,
      after: this.#position,
      limit: Number.MAX_SAFE_INTEGER,
    }
    try {
      const pages = logPages(source, query, this.#filter, persistent, signal, this.#operations)
      for await (const { events, through } of pages) {
        await this.#handle(
          keyedEvents(this.#projection, events).map(({ event, keys }) => ({
            position: event.position,
            keys,
          })),
          through,
        )
      }
    } finally {
      member.leave()
    }
  }

  /** Waits until the documents contain the changes, then offers them to the watchers. */
  async #handle(changes: readonly KeyedPosition[], through: number): Promise<void> {
    const last = changes.at(-1)
    // These may be the first events after the projection was registered, and it may be inline.
    if (last !== undefined && this.#registered.version === 0)
      await this.#hasMoved(this.#registered.generation)
    if (last !== undefined) await this.#reads.reach(last.position, this.#registered)
    if (last !== undefined && this.#registered.mode === 'async') await this.#checkParked()
    const positions = new Map<string, number>()
    for (const { position, keys } of changes) {
      for (const key of keys) {
        positions.delete(key)
        positions.set(key, position)
      }
    }
    const { generation } = this.#registered
    const since = this.now()
    const documents = new Map<string, ReadDocument>()
    await Promise.all(
      [...positions.keys()]
        .filter((key) => this.#watchers.has(key))
        .map(async (key) => {
          const document = await this.#reads.document(key, since)
          documents.set(key, { document, generation })
        }),
    )
    // After a rebuild, the watchers are reset, and read what they offer again.
    if (documents.size > 0 && (await this.#hasMoved(generation))) documents.clear()
    this.#recent.add(changes)
    this.#position = through
    this.#since = this.now()
    for (const [key, position] of positions) {
      const read = documents.get(key)
      const entry = { position, read, since: read === undefined ? this.#since : since }
      for (const watcher of this.#watchers.of(key)) watcher.offer(key, entry)
    }
  }

  /** Looks for a rebuild and for retried events from time to time, because neither needs a new event. */
  async #watchGeneration(): Promise<void> {
    const { clock, storage } = this.#environment
    const { heartbeatInterval } = storage.pace ?? fullPace
    for (;;) {
      await clock.sleep(heartbeatInterval, this.#stop.signal)
      await this.#hasMoved(this.#registered.generation)
      if (this.#parked.size > 0) await this.#checkParked()
    }
  }

  /** Resets all watchers if an event is no longer parked. Whether its keys are watched is not worth a read of the log. */
  async #checkParked(): Promise<void> {
    const before = this.#parked
    this.#parked = await this.#reads.parked()
    if ([...before].every((position) => this.#parked.has(position))) return
    this.#unparkedAt = this.#position
    this.#since = this.now()
    for (const watcher of this.#watchers) watcher.reset()
  }

  /** Returns whether readers get another generation. Then resets all watchers, once it contains what they have seen. */
  async #hasMoved(generation: number): Promise<boolean> {
    const present = await this.#reads.registered()
    if (present.generation === generation && this.#registered.generation === generation) {
      this.#registered = present
      return false
    }
    if (present.version > 0) await this.#reads.reach(this.#position, present)
    if (this.#registered.generation !== present.generation) {
      this.#registered = present
      this.#since = this.now()
      for (const watcher of this.#watchers) watcher.reset()
    }
    return true
  }

  /** Makes the recent changes begin at `after` or earlier. Returns false if that is too far back. */
  async #reachBack(after: number): Promise<boolean> {
    while (this.#recent.after > after) {
      if (after < this.#unreachable || !this.#recent.hasRoom) return false
      if (this.#extending !== undefined) {
        await this.#extending
        continue
      }
      this.#extending = this.#extend(after).finally(() => {
        this.#extending = undefined
      })
      if (!(await this.#extending)) this.#unreachable = after + 1
    }
    return true
  }

  async #extend(after: number): Promise<boolean> {
    const recent = this.#recent
    const until = recent.after
    const changes: KeyedPosition[] = []
    let through = after
    for (let pages = 0; through < until; pages++) {
      if (pages === mostPagesBack) return false
      const query = { ...wholeLog, ...this.#filter.stored, after: through, until, limit: eventsPerPage }
      const page = await this.#reads.persist((storage, signal) => storage.readLogPage(query, signal))
      const head = page.head ?? page.frontier
      if (until > head) throw new LogTruncatedError(until, `the log ends at ${head}`)
      const { events, unreadable } = this.#filter.today(page.events)
      // The documents are past that event. If this threw, a client that resumes before it would get the error each time.
      if (unreadable !== undefined) return false
      try {
        for (const { event, keys } of keyedEvents(this.#projection, events))
          changes.push({ position: event.position, keys })
      } catch {
        // The function `key` throws, and the projection may have parked that event. Without this, a client that resumes
        // before the event would get the error each time.
        return false
      }
      if (!page.full) break
      through = page.through
    }
    if (recent.after === until) recent.prepend(changes, after)
    return true
  }
}
