/** Performs random operations, one after the other. It writes a line before each try, and another one with its outcome. */
import {
  type CommandHandler,
  commandHandler,
  type EventStore,
  foldStream,
  type KnownError,
} from '@eventsourced/core'
import { sleep } from '../../src/runtime/abort.ts'
import { History, readHistory } from '../history.ts'
import {
  type Appended,
  digest,
  eventOf,
  type Invocation,
  now,
  type OperationKind,
  type OperationLine,
  type Part,
  type Seen,
  type TracedEvent,
} from '../operation.ts'
import { inlinePrefix } from '../projections.ts'
import { type Random, randomOf } from '../random.ts'
import { ofFormerRelease } from '../releases.ts'
import { SeenStream, snapshot } from '../seen-stream.ts'
import { type ClientTask, historyFile } from '../task.ts'
import type { SlowAppend } from './slow-append.ts'

interface Command {
  readonly op: string
  readonly count: number
}

/** The number of streams in each generation. */
const streamsAtOnce = 24

const fails = new Set(['wrong-expected-version', 'command-overtaken', 'rolled-back', 'lock-timeout'])
/** After one of these errors, the operation may have happened nevertheless. */
const unknowns = new Set(['store-unavailable', 'connection-lost'])

export class Writer {
  readonly #task: ClientTask
  readonly #store: EventStore
  /** The store of the former release, for a part of the appends. */
  readonly #former: EventStore | undefined
  readonly #slowAppend: SlowAppend | undefined
  readonly #handle: CommandHandler<Seen, Command, TracedEvent>
  readonly #history: History<OperationLine>
  readonly #unfinished: Invocation[]
  /** The operations that have a line with their outcome. */
  readonly #ended: Set<string>
  readonly #underWay = new Set<string>()
  readonly #seenStream = new SeenStream()
  #operations: number
  #isEnding = false
  /** How many events were acknowledged. */
  appended = 0

  constructor(
    task: ClientTask,
    store: EventStore,
    former: EventStore | undefined,
    slowAppend: SlowAppend | undefined,
  ) {
    this.#task = task
    this.#store = store
    this.#former = former
    this.#slowAppend = slowAppend
    const path = historyFile(task.folder, task.client, 'operations')
    const before = readHistory<OperationLine>(path)
    this.#history = new History(path)
    this.#ended = new Set(before.filter(({ what }) => what !== 'invoke').map(({ op }) => op))
    const invoked = before.filter((line): line is Invocation => line.what === 'invoke')
    this.#operations = invoked.reduce(
      (most, { op }) => Math.max(most, Number(op.slice(op.lastIndexOf('.') + 1))),
      0,
    )
    this.#unfinished = invoked.filter(
      ({ op, kind }) => !this.#ended.has(op) && kind !== 'read' && kind !== 'slow',
    )
    this.#handle = commandHandler({
      store,
      decider: {
        initialState: this.#seenStream.initialState,
        evolve: this.#seenStream.evolve,
        decide: ({ op, count }: Command, seen: Seen) =>
          Array.from({ length: count }, (_, nth) => {
            const { type, data } = eventOf(op, nth, seen)
            return { type, data }
          }),
      },
      retries: 20,
      cacheSize: task.client.charCodeAt(task.client.length - 1) % 2 === 0 ? 50 : 0,
      snapshot,
    })
  }

  /** Writes until `end` is called. */
  async run(): Promise<void> {
    const { seed, client, life, writers } = this.#task
    const working = Array.from({ length: writers }, async (_, worker) => {
      const random = randomOf(seed, client, life, worker)
      while (!this.#isEnding) await this.#next(random)
    })
    await Promise.all(working)
    this.#history.close()
  }

  end(): void {
    this.#isEnding = true
  }

  /** How many folds began with a snapshot. */
  get snapshots(): number {
    return this.#seenStream.snapshots
  }

  /** Describes the operations that are under way. */
  get underWay(): readonly string[] {
    return [...this.#underWay]
  }

  async #next(random: Random): Promise<void> {
    // An earlier process of this client was killed during this operation. Most such operations are retried, some never.
    const left = this.#unfinished.pop()
    if (left !== undefined && random.percent(80)) return this.#perform({ ...left, at: now() }, random)
    const invocation = await this.#invoke(random)
    await this.#perform(invocation, random)
    // A repeated call must change nothing, and return the first result.
    if (invocation.kind !== 'read' && invocation.kind !== 'slow' && random.percent(3)) {
      await this.#perform({ ...invocation, at: now() }, random)
    }
  }

  async #invoke(random: Random): Promise<Invocation> {
    const nth = ++this.#operations
    const op = `${this.#task.client}.${nth}`
    const kind = this.#kind(random)
    const many = kind === 'append-all' ? 2 + random.below(2) : 1
    const streams = new Set(Array.from({ length: many }, () => this.#stream(kind, nth, random)))
    const parts: Part[] = [...streams].map((stream) => ({
      stream,
      count: kind === 'read' ? 0 : 1 + random.below(kind === 'command' ? 3 : this.#task.batch),
    }))
    const seen = kind === 'append-at' ? await this.#look(parts[0]?.stream ?? '') : undefined
    return { what: 'invoke', op, kind, at: now(), parts, ...(seen && { seen }) }
  }

  #kind(random: Random): OperationKind {
    const share = random.below(100)
    if (this.#slowAppend !== undefined && share < 4) return 'slow'
    if (share < 50) return 'append'
    if (share < 60) return 'append-at'
    if (share < 70) return 'append-all'
    return share < 90 ? 'command' : 'read'
  }

  /** Slow appends have their own streams, because other appends would wait for their locks. */
  #stream(kind: OperationKind, nth: number, random: Random): string {
    const generation = Math.floor(nth / this.#task.operationsPerGeneration)
    const place = random.below(streamsAtOnce)
    const prefix = kind === 'slow' ? 'slow-' : place % 4 === 0 ? inlinePrefix : 'stream-'
    return `${prefix}${generation}-${place}`
  }

  async #look(stream: string): Promise<Seen> {
    for (;;) {
      try {
        const { state } = await this.#tracked(
          `a look at ${stream}`,
          foldStream(this.#store, stream, this.#seenStream, { snapshot }),
        )
        return state
      } catch (error) {
        codeOf(error)
      }
    }
  }

  async #tracked<T>(what: string, work: Promise<T>): Promise<T> {
    this.#underWay.add(what)
    return work.finally(() => this.#underWay.delete(what))
  }

  /** Performs the operation. After an unknown outcome, it retries in most cases. */
  async #perform(invocation: Invocation, random: Random): Promise<void> {
    const { op, kind } = invocation
    for (;;) {
      this.#history.write(invocation)
      try {
        const result = await this.#tracked(`${kind} ${op}`, this.#call(invocation))
        this.#history.write({ what: 'ok', op, at: now(), ...result })
        // The events of a repeated operation are already counted.
        if (!this.#ended.has(op))
          for (const { positions } of result.appended ?? []) this.appended += positions.length
        this.#ended.add(op)
        return
      } catch (error) {
        const code = codeOf(error)
        this.#history.write({ what: fails.has(code) ? 'fail' : 'unknown', op, at: now(), code })
        if (fails.has(code) || kind === 'read' || kind === 'slow' || random.percent(20)) return
        await sleep(random.below(100))
      }
    }
  }

  async #call(invocation: Invocation): Promise<{ appended?: readonly Appended[]; seen?: Seen }> {
    const { op, kind, parts, seen } = invocation
    const [first] = parts
    if (first === undefined) throw new RangeError(`${op} is about no stream`)
    let nth = 0
    // A repeated operation must be of the same release, because its events have the same ids.
    const former = digest(0, op) % 2 === 0 ? this.#former : undefined
    const store = former ?? this.#store
    const presentEvents = ({ count }: Part) => Array.from({ length: count }, () => eventOf(op, nth++, seen))
    const eventsOf = (part: Part) =>
      former === undefined ? presentEvents(part) : presentEvents(part).map(ofFormerRelease)
    switch (kind) {
      case 'read':
        return { seen: (await foldStream(this.#store, first.stream, this.#seenStream, { snapshot })).state }
      case 'append':
        return { appended: [answer(await store.append(first.stream, eventsOf(first)))] }
      case 'append-at': {
        const options = { expectedVersion: seen?.[0] }
        return { appended: [answer(await store.append(first.stream, eventsOf(first), options))] }
      }
      case 'append-all': {
        const appends = parts.map((part) => ({ streamId: part.stream, events: eventsOf(part) }))
        return { appended: (await store.appendAll(appends)).map(answer) }
      }
      case 'command': {
        const { events } = await this.#handle(first.stream, { op, count: first.count }, { commandId: op })
        const positions = events.map(({ position }) => position)
        return { appended: [{ stream: first.stream, firstVersion: events[0]?.version ?? 0, positions }] }
      }
      case 'slow':
        return {
          appended: [answer(await (this.#slowAppend as SlowAppend)(first.stream, presentEvents(first)))],
        }
    }
  }
}

function answer(result: Awaited<ReturnType<EventStore['append']>>): Appended {
  const { streamId, firstVersion, positions } = result
  return { stream: streamId, firstVersion, positions }
}

/** Returns the code of an expected error. Throws all other errors, which end the client and the campaign. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String((error as KnownError).code) : ''
  if (!fails.has(code) && !unknowns.has(code)) throw error
  return code
}
