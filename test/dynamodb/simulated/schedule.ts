/**
 * One schedule: processes that append to and read one log, on a simulated DynamoDB with all its faults, in virtual time. The
 * seed decides everything. At the end, everything that the processes have done and seen is checked.
 */
import * as sdk from '@aws-sdk/client-dynamodb'
import { type LogQuery, wholeLog } from '../../../src/storage/log-query.ts'
import type { StoredDocument } from '../../../src/storage/projections.ts'
import type { Storage } from '../../../src/storage/storage.ts'
import { type Random, randomOf } from '../../../torture/random.ts'
import { checkHistory } from './checks.ts'
import type { DatabaseRequest } from './database.ts'
import { checkDocumentReads, checkDocuments } from './document-checks.ts'
import { History } from './history.ts'
import type { Library } from './library.ts'
import { type Counts, type Faults, Network } from './network.ts'
import { boardKeysOf, boardName, copiesName, projectionsOf } from './projections.ts'
import { truthOf } from './truth.ts'
import { type Owner, VirtualTime } from './virtual-time.ts'
import { DocumentReader, Follower, Importer, type Job, Prober, type Scene, Writer } from './workload.ts'

/** What happened in a schedule. */
export interface Report extends Counts {
  readonly appends: number
  readonly events: number
  readonly slots: number
  readonly sealed: number
  readonly late: number
  readonly pages: number
}

export interface ScheduleOptions {
  /** Called with each request before it is executed. */
  readonly onExecuted?: (request: DatabaseRequest) => void
}

const table = 'simulated'
// In virtual milliseconds. A schedule that takes longer waits for something that never happens.
const longestSchedule = 120_000
// All late requests have come, and all frozen processes continue.
const timeToCalmDown = 3_000

function randomFaults(random: Random): Faults {
  const { pick } = random
  return {
    latency: pick([2, 5, 10]),
    slow: { percent: pick([0, 2, 10]), longest: pick([20, 100, 300]) },
    deaths: pick([0, 0.3, 1]),
    stalls: { percent: pick([0, 0.5, 3]), longest: pick([30, 150, 1_500]) },
    lost: pick([0, 1, 4]),
    doubled: pick([0, 1, 3]),
    throttled: pick([0, 0, 2]),
    staleness: pick([0, 20, 100]),
    visibility: pick([0, 2, 10]),
    shortPages: pick([0, 0, 3]),
    forgottenTokens: pick([0, 20]),
  }
}

/**
 * Runs a schedule in virtual time.
 *
 * @throws AssertionError, or the error of a process, if the store did anything wrong
 */
export async function runSchedule(
  seed: number,
  library: Library,
  options: ScheduleOptions = {},
): Promise<Report> {
  const random = randomOf(seed, 'schedule')
  const time = new VirtualTime()
  const restore = time.install(random.next)
  try {
    return await new Schedule(random, time, library, options).run()
  } finally {
    restore()
  }
}

class Schedule {
  readonly #random: Random
  readonly #time: VirtualTime
  readonly #library: Library
  readonly #network: Network
  readonly #scene: Scene
  readonly #history = new History()
  readonly #store: { readonly maxBatch: number; readonly gapTimeout: number; readonly retries: number }
  #processes = 0
  #late = 0

  constructor(random: Random, time: VirtualTime, library: Library, { onExecuted }: ScheduleOptions) {
    this.#random = random
    this.#time = time
    this.#library = library
    this.#network = new Network(time, random, randomFaults(random), onExecuted)
    const hasDocuments = random.percent(40)
    this.#store = {
      maxBatch: random.pick([1, 4, 98]),
      // With a shorter time, readers seal nearly each slot of an append that reads documents.
      gapTimeout: random.pick(hasDocuments ? [80, 250] : [15, 50, 200]),
      retries: random.pick([2, 4, 9]),
    }
    this.#scene = {
      time,
      random,
      history: this.#history,
      streams: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].slice(0, random.pick([2, 4, 8])),
      hasDocuments,
      isCalm: false,
      isEnding: false,
      ids: 0,
    }
  }

  async run(): Promise<Report> {
    await this.#setUp()
    const { writing, following } = this.#start()
    await this.#until(writing, 'the appends')
    this.#network.isCalm = true
    this.#scene.isCalm = true
    await this.#time.runUntil(() => false, this.#time.now + timeToCalmDown)
    this.#time.now += timeToCalmDown
    this.#scene.isEnding = true
    await this.#until(following, 'the readers')
    return this.#check()
  }

  /** Runs the schedule until a promise is resolved. */
  async #until<T>(work: Promise<T>, what: string): Promise<T> {
    let result: { readonly value: T } | undefined
    work.then(
      (value) => {
        result = { value }
      },
      (error: unknown) => {
        this.#network.failure ??= error
      },
    )
    const isOver = () => result !== undefined || this.#network.failure !== undefined
    const isDone = await this.#time.runUntil(isOver, longestSchedule)
    if (this.#network.failure !== undefined) throw this.#network.failure
    if (!isDone || result === undefined) throw new Error(`${what} do not end`)
    return result.value
  }

  #connectionOf(owner: Owner) {
    const client = this.#network.clientOf(owner)
    const measure = ({ kind }: { readonly kind: string }) => {
      if (kind === 'late') this.#late++
    }
    const opened = { client, sdk: sdk as never, isOwned: false }
    return new this.#library.Connection(
      async () => opened,
      { retries: this.#store.retries, requestTimeout: 60_000, reportCapacity: false, measure },
      async () => {},
    )
  }

  #open(): { readonly owner: Owner; readonly storage: Storage } {
    const { InlineProjections, dynamodbStorage, tablesOf } = this.#library
    const clockError = this.#random.pick([0, 0, 5, 2_000]) * (this.#random.next() - 0.5)
    const name = `process ${++this.#processes}`
    const owner: Owner = { name, isDead: false, frozenUntil: 0, clockError }
    const inline = new InlineProjections(this.#scene.hasDocuments ? projectionsOf(this.#library) : [])
    const { maxBatch, gapTimeout } = this.#store
    const storage = dynamodbStorage(this.#connectionOf(owner), tablesOf(table), inline, {
      maxBatch,
      gapTimeout,
      compress: this.#random.percent(80),
    })
    return { owner, storage }
  }

  async #setUp(): Promise<void> {
    this.#network.isCalm = true
    const { owner } = this.#open()
    await this.#as(owner, () =>
      this.#library.createTables(this.#connectionOf(owner), this.#library.tablesOf(table)),
    )
    this.#network.isCalm = false
  }

  /** Runs work of a process to its end. */
  #as<T>(owner: Owner, work: () => Promise<T>): Promise<T> {
    const ended = new Promise<T>((resolve, reject) => {
      this.#time.after(0, () => void work().then(resolve, reject), owner)
    })
    return this.#until(ended, owner.name)
  }

  /** Starts all processes. `writing` resolves once all appends have ended, and `following` once all readers have. */
  #start(): { readonly writing: Promise<unknown>; readonly following: Promise<unknown> } {
    const random = this.#random
    const scene = this.#scene
    const writing: Promise<void>[] = []
    const following: Promise<void>[] = []
    const processes = 2 + random.below(5)
    for (let process = 1; process <= processes; process++) {
      const jobs: { readonly job: Job; readonly list: Promise<void>[] }[] = []
      for (let lane = random.pick([0, 1, 1, 2, 3]); lane > 0; lane--)
        jobs.push({ job: new Writer(scene, `w${process}.${lane}`, 1 + random.below(16)), list: writing })
      if (random.percent(15))
        jobs.push({ job: new Importer(scene, `i${process}`, 1 + random.below(4)), list: writing })
      if (random.percent(60)) jobs.push({ job: new Prober(scene, 1 + random.below(12)), list: writing })
      for (let count = random.pick([0, 1, 1, 2]); count > 0; count--)
        jobs.push({ job: new Follower(scene), list: following })
      if (scene.hasDocuments && random.percent(60)) {
        const keys = [...new Set(scene.streams.flatMap(boardKeysOf))]
        jobs.push({ job: new DocumentReader(scene, keys, 1 + random.below(15)), list: writing })
      }
      const done = this.#runJobs(jobs.map(({ job }) => job))
      for (const [index, { list }] of jobs.entries()) list.push(done[index] as Promise<void>)
    }
    return { writing: Promise.all(writing), following: Promise.all(following) }
  }

  /** Runs jobs in one process. If it dies, another process continues them. */
  #runJobs(jobs: readonly Job[]): Promise<void>[] {
    let left = new Map(jobs.map((job) => [job, () => {}]))
    const done = jobs.map((job) => new Promise<void>((resolve) => left.set(job, resolve)))
    const begin = () => {
      const { owner, storage } = this.#open()
      for (const [job, resolve] of left) {
        this.#time.after(
          this.#random.next() * 30,
          () => {
            job.run(storage).then(
              () => {
                left.delete(job)
                resolve()
              },
              (error: unknown) => {
                this.#network.failure ??= error
              },
            )
          },
          owner,
        )
      }
      const watch = () => {
        if (left.size === 0) return
        if (!owner.isDead) return void this.#time.after(20, watch, undefined)
        left = new Map(left)
        begin()
      }
      this.#time.after(20, watch, undefined)
    }
    begin()
    return done
  }

  async #check(): Promise<Report> {
    const { owner, storage } = this.#open()
    const pages = await this.#as(owner, async () => {
      const ids: string[] = []
      for (let after = 0; ; ) {
        const query: LogQuery = { ...wholeLog, after, limit: 1_000 }
        const page = await storage.readLogPage(query)
        ids.push(...page.events.map(({ id }) => id))
        after = page.through
        if (!page.full) return ids
      }
    })
    const history = this.#history
    history.followed.push({ query: { ...wholeLog, limit: 1 }, ids: pages })
    const callerIds = new Set<string>()
    for (const { appends } of history.intents)
      for (const { events } of appends)
        for (const { id, idFrom } of events) if (idFrom === 'caller') callerIds.add(id)
    for (const { events } of history.batches) for (const { id } of events) callerIds.add(id)
    const truth = truthOf(this.#network.database, this.#library.tablesOf(table), callerIds)
    checkHistory(history, truth)
    if (this.#scene.hasDocuments) {
      const list = (name: string) => this.#as(owner, () => storage.listDocuments(name, '', '', 1_000))
      const board: readonly StoredDocument[] = await list(boardName)
      checkDocuments(truth, board, await list(copiesName))
      checkDocumentReads(history, truth)
    }
    return {
      ...this.#network.counts,
      appends: history.intents.length,
      events: truth.events.length,
      slots: truth.slots,
      sealed: truth.sealed,
      late: this.#late,
      pages: history.pages.length,
    }
  }
}
