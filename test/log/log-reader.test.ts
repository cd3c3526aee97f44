/** The one reader of the log: which reads of the storage it makes, and what each of its members gets. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StoreUnavailableError } from '../../src/errors/index.ts'
import { type LogMember, LogReader, type MemberOptions } from '../../src/log/log-reader.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { Wakeup } from '../../src/runtime/wakeup.ts'
import type { LogPage } from '../../src/storage/log-query.ts'
import { partitionOf } from '../../src/storage/partition.ts'
import { ScriptedLog } from './scripted-log.ts'

let log: ScriptedLog
let wakeup: Wakeup
let reader: LogReader
/** Never aborted. */
let open: AbortSignal

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  log = new ScriptedLog()
  wakeup = new Wakeup()
  reader = new LogReader(log, wakeup, systemClock)
  open = new AbortController().signal
})
afterEach(() => {
  vi.useRealTimers()
})

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds)
const positionsOf = ({ events }: Pick<LogPage, 'events'>) => events.map(({ position }) => position)
const outage = () => new StoreUnavailableError('Reading the log', 1, 'no answer')

/** Reads and waits like a partition of a subscription, until it is stopped. Collects what it gets. */
class Follower {
  readonly member: LogMember
  readonly seen: number[] = []
  readonly errors: unknown[] = []
  readonly pages: LogPage[] = []
  readonly #stop = new AbortController()
  server: string | undefined
  after: number
  /** While set, it handles its page until this settles. */
  busy: Promise<void> | undefined
  ended: Promise<void> = Promise.resolve()

  constructor(options: Partial<MemberOptions> = {}, after = 0, limit = 100) {
    this.member = reader.join({ filter: {}, pollInterval: 250, ...options })
    this.after = after
    this.ended = this.#run(limit)
  }

  async #run(limit: number): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        const { after, server } = this
        const page = await this.member.read({ after, limit, server }, signal)
        this.pages.push(page)
        this.server = page.server
        this.seen.push(...positionsOf(page))
        this.after = page.through
        await this.busy
        if (!page.full) await this.member.wait(this.after, signal)
      } catch (error) {
        if (signal.aborted) return
        this.errors.push(error)
        await systemClock.sleep(50, signal).catch(() => {})
      }
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopped'))
    await this.ended
    this.member.leave()
  }
}

const stopAll = (followers: readonly Follower[]) => Promise.all(followers.map((one) => one.stop()))

describe('at the end of the log', () => {
  it('makes one poll for all members, four times a second while no event comes', async () => {
    const followers = Array.from({ length: 50 }, () => new Follower())
    await pass(3_000)
    const before = log.reads.length
    await pass(10_000)
    expect(log.reads.length - before).toBe(40)
    await stopAll(followers)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('polls as often as the member that allows the shortest pause', async () => {
    const followers = [new Follower(), new Follower({ pollInterval: 60_000 })]
    await pass(3_000)
    const quick = new Follower({ pollInterval: 20 })
    await pass(100)
    const before = log.reads.length
    await pass(1_000)
    expect(log.reads.length - before).toBe(50)
    await stopAll([...followers, quick])
  })

  it('polls at once after an append of this process, and then at most once in 5 ms', async () => {
    const followers = Array.from({ length: 10 }, () => new Follower())
    await pass(3_000)
    log.append(1)
    wakeup.wake()
    await pass(0)
    for (const { seen } of followers) expect(seen).toEqual([1])
    const before = log.reads.length
    for (let nth = 0; nth < 100; nth++) {
      log.append(1)
      wakeup.wake()
      await pass(1)
    }
    expect(log.reads.length - before).toBeLessThanOrEqual(20)
    await pass(5)
    for (const { seen } of followers) expect(seen.length).toBe(101)
    await stopAll(followers)
  })

  it('reads nothing while no member waits', async () => {
    const follower = new Follower()
    await pass(1_000)
    await follower.stop()
    const before = log.reads.length
    log.append(1)
    wakeup.wake()
    await pass(10_000)
    expect(log.reads.length).toBe(before)
  })

  it('asks for the types of all members, and for a prefix only while all have it', async () => {
    const first = new Follower({ filter: { types: ['A'], streamPrefix: 'x-' } })
    await pass(300)
    expect(log.reads.at(-1)).toMatchObject({ types: ['A'], streamPrefix: 'x-' })
    const second = new Follower({ filter: { types: ['B', 'A'], streamPrefix: 'x-' } })
    await pass(300)
    expect(log.reads.at(-1)).toMatchObject({ types: ['A', 'B'], streamPrefix: 'x-' })
    const third = new Follower({ filter: { types: ['C'], streamPrefix: 'y-' } })
    await pass(300)
    expect(log.reads.at(-1)).toMatchObject({ types: ['A', 'B', 'C'], streamPrefix: undefined })
    const fourth = new Follower({ filter: { streamPrefix: 'y-' } })
    await pass(300)
    expect(log.reads.at(-1)).toMatchObject({ types: undefined, streamPrefix: undefined })
    await fourth.stop()
    await third.stop()
    await pass(300)
    expect(log.reads.at(-1)).toMatchObject({ types: ['A', 'B'], streamPrefix: 'x-' })
    await stopAll([first, second])
  })

  it('loses no event while members with other filters come and go', async () => {
    const types = ['A', 'B', 'C', 'D']
    const stays = new Follower({ filter: { types: ['A'] } })
    const others: Follower[] = []
    for (let round = 0; round < 40; round++) {
      for (const type of types) log.append(1, type)
      if (round % 3 === 0) others.push(new Follower({ filter: { types: [types[round % 4] as string] } }))
      if (round % 5 === 4) await others.shift()?.stop()
      if (round % 2 === 0) wakeup.wake()
      await pass(round % 7)
    }
    await pass(300)
    const wanted = (type: string) => log.events.filter((event) => event.type === type).map((e) => e.position)
    expect(stays.seen).toEqual(wanted('A'))
    for (const { seen, member } of others) expect(seen).toEqual(wanted(member.filter.types?.[0] as string))
    await stopAll([stays, ...others])
  })

  it('moves a member without events through the log, but wakes it at most once in 50 ms', async () => {
    const quiet = new Follower({ filter: { types: ['Never'] } })
    const busy = new Follower()
    await pass(300)
    const before = quiet.pages.length
    for (let nth = 0; nth < 200; nth++) {
      log.append(1)
      wakeup.wake()
      await pass(5)
    }
    await pass(60)
    expect(quiet.pages.length - before).toBeLessThanOrEqual(22)
    expect(quiet.after).toBe(200)
    expect(busy.seen.length).toBe(200)
    await stopAll([quiet, busy])
  })

  it('serves a member that joins late from memory', async () => {
    const first = new Follower()
    await pass(300)
    log.append(20)
    wakeup.wake()
    await pass(10)
    const before = log.reads.length
    const page = await reader.join({ filter: {}, pollInterval: 250 }).read({ after: 5, limit: 3 }, open)
    expect(positionsOf(page)).toEqual([6, 7, 8])
    expect(page).toMatchObject({ full: true, through: 8, frontier: 20 })
    expect(log.reads.length).toBe(before)
    await first.stop()
  })

  it('gives the time of the last poll to a page from memory', async () => {
    const follower = new Follower()
    await pass(1_000)
    const begun = new Date(42)
    log.append(1)
    const answer = log.readLogPage
    Object.assign(log, {
      readLogPage: async (...parameters: Parameters<typeof answer>) => ({
        ...(await answer(...parameters)),
        readAt: begun,
      }),
    })
    wakeup.wake()
    await pass(5)
    expect(follower.pages.at(-1)).toMatchObject({ readAt: begun, frontier: 1 })
    await follower.stop()
  })
})

describe('a slow member', () => {
  it('falls off the newest events, reads alone until there, and delays no other member', async () => {
    const quick = new Follower({}, 0, 1_000)
    const slow = new Follower({}, 0, 1_000)
    await pass(300)
    let free = () => {}
    slow.busy = new Promise<void>((resolve) => {
      free = resolve
    })
    log.append(1)
    wakeup.wake()
    for (let nth = 0; nth < 80; nth++) {
      await pass(5)
      log.append(100)
      wakeup.wake()
    }
    await pass(10)
    expect(quick.seen.length).toBe(8_001)
    expect(slow.seen.length).toBe(1)
    const before = log.reads.length
    slow.busy = undefined
    free()
    await pass(5)
    expect(slow.seen).toEqual(log.events.map(({ position }) => position))
    // It reads 3,001 events in pages of 1,000; the segment has the other 5,000.
    const own = log.reads.slice(before).filter(({ limit }) => limit === 1_000)
    expect(own.map(({ after }) => after)).toEqual([1, 1_001, 2_001])
    await stopAll([quick, slow])
  })
})

describe('a log that has changed', () => {
  it('of another server ends the segment: the members read for themselves, and nothing else comes from memory', async () => {
    log.server = 'old'
    log.append(10)
    const followers = [new Follower(), new Follower({ filter: { types: ['A'] } })]
    await pass(300)
    log.append(5)
    wakeup.wake()
    await pass(10)
    log.server = 'new'
    log.events.splice(12)
    log.append(1, 'B')
    // One reads with a lease of the new server before any poll has met that server.
    const leased = await reader
      .join({ filter: {}, pollInterval: 250 })
      .read({ after: 11, limit: 9, server: 'new' }, open)
    expect(leased.server).toBe('new')
    expect(leased.events.map(({ type }) => type)).toEqual(['A', 'B'])
    await pass(600)
    for (const { pages } of followers) {
      expect(pages.at(-1)).toMatchObject({ server: 'new', frontier: 13, events: [] })
    }
    await stopAll(followers)
  })

  it('that has lost its end, on a storage that names no server, shows every member the lower end', async () => {
    log.append(10)
    const followers = [new Follower(), new Follower({ filter: { types: ['A'] } })]
    await pass(300)
    log.events.splice(4)
    await pass(300)
    for (const { pages } of followers) expect(pages.at(-1)?.frontier).toBe(4)
    // Lost events do not come from memory either.
    const late = reader.join({ filter: {}, pollInterval: 250 })
    expect((await late.read({ after: 2, limit: 9 }, open)).events.length).toBe(2)
    await stopAll(followers)
  })

  it('is noticed by a member that reads alone, too', async () => {
    log.server = 'old'
    log.append(10)
    const follower = new Follower()
    await pass(300)
    log.server = 'new'
    log.events.splice(0)
    await reader.join({ filter: {}, pollInterval: 250 }).read({ after: 0, limit: 5, fromStorage: true }, open)
    await pass(0)
    expect(follower.pages.at(-1)?.server).toBe('new')
    await follower.stop()
  })
})

describe('a poll that fails', () => {
  it('fails every wait, and the next reads share one poll', async () => {
    const followers = Array.from({ length: 20 }, () => new Follower())
    await pass(300)
    let isDown = true
    log.beforeAnswer = () => {
      if (isDown) throw outage()
    }
    await pass(250)
    for (const { errors } of followers) expect(errors.length).toBeGreaterThan(0)
    const before = log.reads.length
    await pass(1_000)
    // Each of them retries every 50 ms.
    expect(log.reads.length - before).toBeLessThanOrEqual(20)
    for (const { errors } of followers) expect(errors.length).toBeGreaterThan(3)
    log.append(3)
    isDown = false
    await pass(600)
    for (const { seen } of followers) expect(seen).toEqual([1, 2, 3])
    await stopAll(followers)
  })

  it('leaves no page in memory that counts as the present state', async () => {
    const follower = new Follower()
    log.append(3)
    await pass(300)
    log.beforeAnswer = () => {
      throw outage()
    }
    await pass(250)
    const late = reader.join({ filter: {}, pollInterval: 250 })
    const failed = expect(late.read({ after: 3, limit: 10 }, open)).rejects.toMatchObject({
      code: 'store-unavailable',
    })
    await pass(500)
    await failed
    await follower.stop()
  })

  it('does not end a wait for ever when the storage answers late', async () => {
    const follower = new Follower()
    await pass(300)
    let answer = () => {}
    log.beforeAnswer = () =>
      new Promise<void>((resolve) => {
        answer = resolve
      })
    await pass(10_000)
    log.beforeAnswer = () => {}
    answer()
    log.append(1)
    await pass(300)
    expect(follower.seen).toEqual([1])
    await follower.stop()
  })
})

describe('an aborted member', () => {
  it('ends at once, and the others keep the poll; the last one aborts it', async () => {
    const followers = [new Follower(), new Follower(), new Follower()]
    await pass(300)
    let answer = () => {}
    log.beforeAnswer = () =>
      new Promise<void>((resolve) => {
        answer = resolve
      })
    await pass(250)
    const poll = log.reads.at(-1)?.signal as AbortSignal
    await followers[0]?.stop()
    expect(poll.aborted).toBe(false)
    log.beforeAnswer = () => {}
    answer()
    log.append(1)
    await pass(300)
    expect(followers.map(({ seen }) => seen)).toEqual([[], [1], [1]])
    log.beforeAnswer = () => new Promise<void>(() => {})
    await pass(300)
    const last = log.reads.at(-1)?.signal as AbortSignal
    await followers[1]?.stop()
    expect(last.aborted).toBe(false)
    await followers[2]?.stop()
    expect(last.aborted).toBe(true)
    // A poll that was aborted is no failure: the next member finds a working reader.
    log.beforeAnswer = () => {}
    const next = new Follower()
    await pass(300)
    expect(next.seen).toEqual([1])
    expect(next.errors).toEqual([])
    await next.stop()
  })

  it('rejects with the reason of its signal', async () => {
    const reason = new Error('enough')
    const member = reader.join({ filter: {}, pollInterval: 250 })
    await expect(member.wait(0, AbortSignal.abort(reason))).rejects.toBe(reason)
    const controller = new AbortController()
    await member.read({ after: 0, limit: 1 }, controller.signal)
    const waiting = member.wait(0, controller.signal)
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
  })
})

describe('partitions of one subscription that catch up', () => {
  const count = 4
  const joinAll = (startOf = (_: number) => 0, limit = 100) =>
    Array.from(
      { length: count },
      (_, index) => new Follower({ partition: { subscription: 's', index, count } }, startOf(index), limit),
    )

  function fill(): void {
    for (let nth = 0; nth < 1_000; nth++) log.append(1, 'A', `s-${nth % 37}`)
  }

  function expectParts(followers: readonly Follower[], startOf = (_: number) => 0): void {
    for (const [index, { seen }] of followers.entries()) {
      const own = log.events.filter(
        ({ streamId, position }) => partitionOf(streamId, count) === index && position > startOf(index),
      )
      expect(seen).toEqual(own.map(({ position }) => position))
    }
  }

  it('read each page once, without the partition', async () => {
    fill()
    const followers = joinAll()
    await pass(300)
    expectParts(followers)
    const pages = log.reads.filter(({ limit }) => limit === 100)
    expect(pages.map(({ after }) => after)).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000])
    for (const { partition } of log.reads) expect(partition).toBeUndefined()
    await stopAll(followers)
  })

  it('come together from different checkpoints', async () => {
    fill()
    const startOf = (index: number) => index * 130
    const followers = joinAll(startOf)
    await pass(300)
    expectParts(followers, startOf)
    const pages = log.reads.filter(({ limit }) => limit === 100)
    expect(pages.length).toBeLessThan(17)
    await stopAll(followers)
  })

  it('let the storage select the partition if this process has only one', async () => {
    fill()
    const only = new Follower({ partition: { subscription: 's', index: 1, count } })
    const other = new Follower({ partition: { subscription: 'other', index: 2, count } })
    await pass(300)
    for (const { partition, limit } of log.reads) {
      if (limit === 100) expect(partition?.count).toBe(count)
    }
    await stopAll([only, other])
  })

  it('share a page that is under way, also when one of them gives up', async () => {
    fill()
    let answer = () => {}
    log.beforeAnswer = () =>
      new Promise<void>((resolve) => {
        answer = resolve
      })
    const followers = joinAll()
    await pass(0)
    expect(log.reads.length).toBe(1)
    const { signal } = log.reads[0] as (typeof log.reads)[number]
    for (const one of followers.slice(0, 3)) await one.stop()
    expect(signal?.aborted).toBe(false)
    log.beforeAnswer = () => {}
    answer()
    await pass(300)
    const last = followers[3] as Follower
    const own = log.events.filter(({ streamId }) => partitionOf(streamId, count) === 3)
    expect(last.seen).toEqual(own.map(({ position }) => position))
    await last.stop()
  })

  it('get no page from memory that another server than their own has answered', async () => {
    fill()
    log.server = 'old'
    const [first, second] = [0, 1].map((index) =>
      reader.join({ filter: {}, pollInterval: 250, partition: { subscription: 's', index, count: 2 } }),
    ) as [LogMember, LogMember]
    expect((await first.read({ after: 0, limit: 100, server: 'old' }, open)).server).toBe('old')
    log.server = 'new'
    expect((await second.read({ after: 0, limit: 100, server: 'new' }, open)).server).toBe('new')
    first.leave()
    second.leave()
  })

  it('fail together, and read on together', async () => {
    fill()
    let failures = 2
    log.beforeAnswer = ({ after }) => {
      if (after === 300 && failures-- > 0) throw outage()
    }
    const followers = joinAll()
    await pass(1_000)
    expectParts(followers)
    for (const { errors } of followers) expect(errors.length).toBeGreaterThan(0)
    await stopAll(followers)
  })

  it('do not get an event of a page twice when a partition moves to another worker of this process', async () => {
    fill()
    const reading = { after: 0, limit: 100, server: undefined }
    const join = (index: number) =>
      reader.join({ filter: {}, pollInterval: 250, partition: { subscription: 's', index, count } })
    const [first, second, other] = [join(0), join(0), join(1)]
    const pages = await Promise.all([
      first.read(reading, open),
      second.read(reading, open),
      other.read(reading, open),
    ])
    // The first one ends without having used its page. The second one must have all events of the partition.
    const [a, b] = pages.map(positionsOf)
    expect(b).toEqual(a)
    expect(b?.length).toBeGreaterThan(0)
    for (const member of [first, second, other]) member.leave()
  })
})
