/** The processes of a schedule: writers, followers of the log, and callers of the other methods that read. */
import { hasCode } from '../../../src/errors/index.ts'
import type { RecordedEvent } from '../../../src/event.ts'
import type { ExpectedVersion } from '../../../src/expected-version.ts'
import { type LogQuery, wholeLog } from '../../../src/storage/log-query.ts'
import type { PreparedAppend, PreparedEvent, PreparedImport, Storage } from '../../../src/storage/storage.ts'
import type { Random } from '../../../torture/random.ts'
import type { Batch, History, Intent } from './history.ts'
import { boardName } from './projections.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What the jobs of a schedule share. */
export interface Scene {
  readonly time: VirtualTime
  readonly random: Random
  readonly history: History
  readonly streams: readonly string[]
  readonly hasDocuments: boolean
  /** Whether all appends have ended, and late requests come. */
  isCalm: boolean
  /** Whether no request is under way any more, so that followers must read to the end and end too. */
  isEnding: boolean
  /** The number of event ids that were made. */
  ids: number
}

/** Work that another process continues after its process has died. Resolves when it is done. */
export interface Job {
  run(storage: Storage): Promise<void>
}

/** How many pages of a range are read, at most: a page may have one event. */
const mostPages = 10
const eventTypes = ['Made', 'Changed'] as const
/** Whether a call has no outcome because the database did not answer, perhaps while a projection read a document. */
const isUnavailable = (error: unknown) =>
  hasCode(error, 'store-unavailable') || (error instanceof Error && hasCode(error.cause, 'store-unavailable'))

export class Writer implements Job {
  readonly #scene: Scene
  readonly #name: string
  #left: number
  #calls = 0
  /** The call under way, which another process may repeat. */
  #current: Intent | undefined

  constructor(scene: Scene, name: string, appends: number) {
    this.#scene = scene
    this.#name = name
    this.#left = appends
  }

  async run(storage: Storage): Promise<void> {
    const { random, time, history } = this.#scene
    // The process before this one has died during a call. Events without ids of the caller are not appended again.
    if (this.#current !== undefined && !hasOwnIds(this.#current)) this.#end()
    while (this.#left > 0) {
      const intent = this.#current ?? (await this.#next(storage))
      if (this.#current === undefined) history.intents.push(intent)
      this.#current = intent
      const isOver = await this.#attempt(storage, intent)
      if (!isOver && hasOwnIds(intent) && intent.attempts.length < 4) continue
      this.#end()
      // Some calls are repeated though they were acknowledged.
      if (isOver && hasOwnIds(intent) && random.percent(20)) await this.#attempt(storage, intent)
      if (random.percent(30)) await time.sleep(random.next() * 60)
    }
  }

  #end(): void {
    this.#current = undefined
    this.#left--
  }

  /** Returns whether the outcome is known. */
  async #attempt(storage: Storage, intent: Intent): Promise<boolean> {
    const { time, history } = this.#scene
    const attempt: Intent['attempts'][number] = { begunAt: time.now }
    intent.attempts.push(attempt)
    try {
      const outcomes = await storage.append(intent.appends)
      attempt.endedAt = time.now
      attempt.outcomes = outcomes
      for (const outcome of outcomes) {
        if (outcome.kind !== 'appended' && outcome.kind !== 'repeated') continue
        history.knownPositions.push(...outcome.positions)
        if (outcome.recordedAt !== undefined) history.knownTimes.push(outcome.recordedAt)
      }
      return true
    } catch (error) {
      if (!isUnavailable(error)) throw error
      return false
    }
  }

  async #next(storage: Storage): Promise<Intent> {
    const { random, streams, history } = this.#scene
    this.#calls++
    const recorded = random.percent(4) ? history.intents.filter((one) => hasOwnIds(one) && isDone(one)) : []
    if (recorded.length > 0) {
      const theirs = random.pick(random.pick(recorded).appends.filter(({ events }) => events.length > 0))
      const streamId = `${theirs.streamId}-other`
      const append: PreparedAppend = { streamId, expectedVersion: 'any', events: theirs.events }
      return { appends: [append], isTheft: true, attempts: [] }
    }
    const count = random.percent(15) ? 2 + random.below(2) : 1
    const chosen = new Set(Array.from({ length: count }, () => random.pick(streams)))
    const idFrom = random.percent(25) ? 'caller' : 'library'
    const appends: PreparedAppend[] = []
    for (const streamId of chosen) {
      const hasEvents = appends.length === 0 ? random.percent(98) : random.percent(85)
      const events = hasEvents ? this.#events(streamId, idFrom) : []
      appends.push({ streamId, events, expectedVersion: await this.#expectation(storage, streamId) })
    }
    return { appends, isTheft: false, attempts: [] }
  }

  async #expectation(storage: Storage, streamId: string): Promise<ExpectedVersion> {
    const { random } = this.#scene
    if (random.percent(60)) return 'any'
    if (random.percent(15)) return random.pick(['noStream', 'streamExists', 0, 1, 2])
    const slice = await readStream(this.#scene, storage, streamId)
    return slice?.version ?? 'any'
  }

  #events(streamId: string, idFrom: PreparedEvent['idFrom']): PreparedEvent[] {
    const { random } = this.#scene
    const count = random.percent(60) ? 1 : random.percent(95) ? 1 + random.below(6) : 30
    const hasTime = idFrom === 'library' || random.percent(20)
    return Array.from({ length: count }, (_, nth) => {
      const name = `${this.#name}-${this.#calls}-${streamId}-${nth}`
      return preparedEvent(this.#scene, { name, idFrom, hasTime })
    })
  }
}

/** Imports events of another system. It repeats a batch until it knows the outcome. */
export class Importer implements Job {
  readonly #scene: Scene
  readonly #name: string
  #left: number
  #current: Batch | undefined

  constructor(scene: Scene, name: string, batches: number) {
    this.#scene = scene
    this.#name = name
    this.#left = batches
  }

  async run(storage: Storage): Promise<void> {
    const { random, time, history } = this.#scene
    while (this.#left > 0) {
      if (this.#current === undefined) {
        this.#current = { events: this.#events(), isDone: false }
        history.batches.push(this.#current)
      }
      const outcome = await answerOf(storage.importBatch(this.#current.events, true))
      if (outcome === undefined) continue
      if (outcome.kind !== 'imported') throw new Error(`An import was refused: ${JSON.stringify(outcome)}`)
      this.#current.isDone = true
      this.#current = undefined
      this.#left--
      await time.sleep(random.next() * 100)
    }
  }

  #events(): PreparedImport[] {
    const { random, streams } = this.#scene
    const chosen = [random.pick(streams), random.pick(streams), `import-${this.#name}`]
    const started = Date.now() - random.below(1_000)
    return Array.from({ length: 1 + random.below(12) }, (_, nth) => ({
      ...preparedEvent(this.#scene, {
        name: `${this.#name}-${this.#left}-${nth}`,
        idFrom: 'caller',
        hasTime: random.percent(20),
      }),
      streamId: random.pick(chosen),
      recordedAt: random.percent(70) ? new Date(started + nth) : undefined,
    }))
  }
}

function preparedEvent(
  scene: Scene,
  {
    name,
    idFrom,
    hasTime,
  }: { readonly name: string; readonly idFrom: PreparedEvent['idFrom']; readonly hasTime: boolean },
): PreparedEvent {
  const { random } = scene
  const size = random.percent(2) ? 2_000 : random.percent(10) ? 200 : 8
  return {
    id: idOf(++scene.ids, hasTime ? Date.now() : undefined),
    idFrom,
    type: random.pick(eventTypes),
    data: JSON.stringify({ name, mark: random.below(12), text: noise(random, size) }),
    metadata: '{}',
    tags: random.percent(30) ? ['tagged'] : [],
  }
}

/** A UUID from a number: of version 8, or of version 7 with a time, as the library makes them. */
function idOf(count: number, time: number | undefined): string {
  const end = count.toString(16).padStart(12, '0')
  if (time === undefined) return `00000000-0000-8000-8000-${end}`
  const start = time.toString(16).padStart(12, '0')
  return `${start.slice(0, 8)}-${start.slice(8)}-7000-8000-${end}`
}

/** Text that does not compress. */
const noise = (random: Random, length: number): string =>
  Array.from({ length: Math.ceil(length / 8) }, () => Math.floor(random.next() * 2 ** 40).toString(36)).join(
    '',
  )

const hasOwnIds = ({ appends, isTheft }: Intent): boolean =>
  !isTheft && appends.some(({ events }) => events.some(({ idFrom }) => idFrom === 'caller'))

const isDone = ({ attempts }: Intent): boolean =>
  attempts.some(({ outcomes = [] }) =>
    outcomes.some(({ kind }) => kind === 'appended' || kind === 'repeated'),
  )

/** Follows the log from a position on, as a subscription does. */
export class Follower implements Job {
  readonly #scene: Scene
  readonly #query: LogQuery
  readonly #mayLag: boolean
  #through: number
  readonly #ids: string[] = []

  constructor(scene: Scene) {
    const { random } = scene
    this.#scene = scene
    this.#mayLag = random.percent(70)
    this.#query = { ...randomFilter(scene), limit: 1, after: random.percent(50) ? 0 : knownPosition(scene) }
    this.#through = this.#query.after
  }

  async run(storage: Storage): Promise<void> {
    const { time, random, history } = this.#scene
    for (;;) {
      const isLast = this.#scene.isEnding
      const mayLag = !isLast && this.#mayLag
      const limit = random.pick([1, 2, 3, 7, 100, 1_000])
      const page = await readPage(this.#scene, storage, {
        ...this.#query,
        after: this.#through,
        mayLag,
        limit,
      })
      if (page !== undefined) {
        this.#through = page.through
        this.#ids.push(...page.events.map(({ id }) => id))
        if (isLast && !page.full) break
        if (page.full && random.percent(80)) continue
      }
      await time.sleep(random.next() * (this.#scene.isCalm ? 2_000 : random.pick([5, 50, 200])))
    }
    history.followed.push({ query: this.#query, ids: this.#ids })
  }
}

/** Calls the other methods that read, with random arguments. */
export class Prober implements Job {
  readonly #scene: Scene
  #left: number

  constructor(scene: Scene, calls: number) {
    this.#scene = scene
    this.#left = calls
  }

  async run(storage: Storage): Promise<void> {
    const { random, time } = this.#scene
    while (this.#left > 0) {
      await this.#probe(storage)
      this.#left--
      await time.sleep(random.next() * 80)
    }
  }

  async #probe(storage: Storage): Promise<void> {
    const { random, time, history, streams } = this.#scene
    const begunAt = time.now
    const kind = random.pick([
      'page',
      'page',
      'page',
      'backward',
      'backward',
      'backward',
      'backward',
      'stream',
      'last',
      'time',
      'list',
    ])
    if (kind === 'page' || kind === 'backward') await this.#readWindow(storage, kind)
    else if (kind === 'stream') await readStream(this.#scene, storage, random.pick(streams))
    else if (kind === 'last') {
      const position = await answerOf(storage.lastPosition())
      if (position !== undefined) history.lastPositions.push({ begunAt, endedAt: time.now, position })
    } else if (kind === 'time' && history.knownTimes.length > 0) {
      const at = new Date(random.pick(history.knownTimes).getTime() + random.pick([-1, 0, 1, 20]))
      const position = await answerOf(storage.positionBefore(at))
      if (position !== undefined)
        history.positionsBefore.push({ begunAt, endedAt: time.now, time: at, position })
    } else if (kind === 'list') {
      const streamIds: string[] = []
      for (let after = ''; ; after = streamIds.at(-1) as string) {
        const found = await answerOf(storage.listStreams('', after, 3))
        if (found === undefined) return
        streamIds.push(...found.map(({ streamId }) => streamId))
        if (found.length < 3) break
      }
      history.lists.push({ begunAt, endedAt: time.now, streamIds })
    }
  }

  /** Reads a range of the log, page by page. */
  async #readWindow(storage: Storage, kind: 'page' | 'backward'): Promise<void> {
    const { random, history } = this.#scene
    const [one, other] = [knownPosition(this.#scene), knownPosition(this.#scene) - random.below(3)]
    const isOpen = random.percent(50)
    const limit = random.pick([1, 2, 3, 7, 100])
    const filter = randomFilter(this.#scene)
    let after = Math.max(0, random.percent(30) ? 0 : Math.min(one, other))
    // Events up to a frontier may not be stored yet, though they have their positions.
    const frontier = random.percent(60) ? (history.pages.at(-1)?.page.frontier ?? 0) : 0
    let until = isOpen ? wholeLog.until : Math.max(after, frontier > 0 ? frontier : Math.max(one, other, 1))
    for (let pages = 0; pages < mostPages; pages++) {
      const direction = kind === 'page' ? ('forward' as const) : ('backward' as const)
      const page = await readPage(this.#scene, storage, { ...filter, direction, limit, after, until })
      if (page === undefined || !page.full) return
      if (kind === 'page') after = page.through
      else until = page.through - 1
    }
  }
}

/** Reads documents of the inline projection again and again. */
export class DocumentReader implements Job {
  readonly #scene: Scene
  readonly #keys: readonly string[]
  #left: number

  constructor(scene: Scene, keys: readonly string[], reads: number) {
    this.#scene = scene
    this.#keys = keys
    this.#left = reads
  }

  async run(storage: Storage): Promise<void> {
    const { random, time, history } = this.#scene
    while (this.#left > 0) {
      const key = random.pick(this.#keys)
      const begunAt = time.now
      try {
        const document = await storage.readDocument(boardName, key)
        history.documents.push({ begunAt, endedAt: time.now, key, document })
      } catch (error) {
        if (!isUnavailable(error)) throw error
      }
      this.#left--
      await time.sleep(random.next() * 60)
    }
  }
}

/** A position that a process has seen, often a moment ago. */
function knownPosition({ random, history: { knownPositions } }: Scene): number {
  return random.pick(random.percent(50) ? knownPositions.slice(-6) : knownPositions)
}

function randomFilter({ random }: Scene): Omit<LogQuery, 'limit'> {
  const count = random.pick([2, 3])
  return {
    ...wholeLog,
    ...(random.percent(40) && { partition: { index: random.below(count), count } }),
    ...(random.percent(10) && { types: [random.pick(eventTypes)] }),
    ...(random.percent(10) && { tags: ['tagged'] }),
    ...(random.percent(10) && { streamPrefix: 'a' }),
  }
}

/** Resolves with undefined if the store was unavailable. */
async function answerOf<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (isUnavailable(error)) return undefined
    throw error
  }
}

async function readPage({ time, history }: Scene, storage: Storage, query: LogQuery) {
  const begunAt = time.now
  const page = await answerOf(storage.readLogPage(query))
  if (page === undefined) return undefined
  history.pages.push({ begunAt, endedAt: time.now, query, page })
  history.knownPositions.push(...page.events.map(({ position }: RecordedEvent) => position))
  return page
}

async function readStream({ time, history, random }: Scene, storage: Storage, streamId: string) {
  const begunAt = time.now
  const window = {
    fromVersion: 1,
    toVersion: Number.MAX_SAFE_INTEGER,
    asOf: undefined,
    direction: random.percent(80) ? ('forward' as const) : ('backward' as const),
    limit: Number.MAX_SAFE_INTEGER,
  }
  const slice = await answerOf(storage.readStream(streamId, window))
  if (slice !== undefined) history.slices.push({ begunAt, endedAt: time.now, slice })
  return slice
}
