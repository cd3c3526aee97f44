/**
 * Random members with random filters and partitions, random appends and faults, in random orders of every step. Each
 * member gets exactly the events of its filter, in order, each once.
 */
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { it } from 'vitest'
import { StoreUnavailableError } from '../../src/errors/index.ts'
import type { RecordedEvent } from '../../src/event.ts'
import type { EventFilter } from '../../src/input/event-filter.ts'
import { LogReader } from '../../src/log/log-reader.ts'
import { abortable } from '../../src/runtime/abort.ts'
import type { Clock } from '../../src/runtime/clock.ts'
import type { LogPage, LogQuery, Partition } from '../../src/storage/log-query.ts'
import { isInPartition } from '../../src/storage/partition.ts'
import { ModelWakeup } from '../subscription/model-process.ts'
import { eventAt, pageOf } from './scripted-log.ts'

const types = ['A', 'B', 'C'] as const
const streams = ['x-1', 'x-2', 'y-1', 'y-2', 'y-3'] as const
const tags = [[], ['t'], ['t', 'u']] as const

interface MemberPlan {
  readonly filter: EventFilter
  readonly partition: (Partition & { readonly subscription: string }) | undefined
  readonly start: number
  readonly limit: number
  readonly pollInterval: number
  /** How many steps it takes to handle a page. */
  readonly slowness: number
}

type Action =
  | {
      readonly what: 'append'
      readonly type: number
      readonly stream: number
      readonly tags: number
      readonly wakes: boolean
    }
  | { readonly what: 'join'; readonly member: number }
  | { readonly what: 'leave'; readonly member: number }
  /** Another server answers from now on, whose log lacks the newest events. */
  | { readonly what: 'failover'; readonly lost: number }

interface Story {
  readonly members: readonly MemberPlan[]
  readonly actions: readonly { readonly after: number; readonly action: Action }[]
  readonly faults: readonly boolean[]
  readonly largestPage: number
  /** Whether pages say which server has answered, and how large they are. */
  readonly namesServer: boolean
  readonly saysBytes: boolean
}

class World {
  log: RecordedEvent[] = []
  server = 1
  isCalm = false
  readonly #story: Story
  readonly #scheduler: fc.Scheduler
  readonly #faults: Iterator<boolean>
  readonly reader: LogReader
  readonly wakeup: ModelWakeup
  readonly clock: Clock
  #time = 0
  #ids = 0

  constructor(scheduler: fc.Scheduler, story: Story) {
    this.#scheduler = scheduler
    this.#story = story
    this.#faults = story.faults[Symbol.iterator]()
    this.clock = {
      now: () => this.#time,
      sleep: async (milliseconds, signal) => {
        const due = this.#time + milliseconds
        await abortable(this.step('timer'), signal)
        this.#time = Math.max(this.#time, due)
      },
    }
    this.wakeup = new ModelWakeup(this.clock)
    this.reader = new LogReader({ readLogPage: this.#readLogPage }, this.wakeup, this.clock)
  }

  async step(label: string): Promise<void> {
    await this.#scheduler.schedule(Promise.resolve(), label)
  }

  append(type: string, streamId: string, own: readonly string[]): void {
    const position = (this.log.at(-1)?.position ?? 0) + 1 + (this.#ids % 2)
    this.log.push({ ...eventAt(position, type, streamId, own), id: `id-${++this.#ids}` })
  }

  /** Takes the page at once, and answers at a later step, perhaps with an error. */
  readonly #readLogPage = async (query: LogQuery, signal?: AbortSignal): Promise<LogPage> => {
    const { largestPage, namesServer, saysBytes } = this.#story
    const limit = Math.min(query.limit, largestPage)
    const page = pageOf(this.log, { ...query, limit }, new Date(this.#time))
    const server = String(this.server)
    const fails = !this.isCalm && this.#faults.next().value === true
    await abortable(this.step('page'), signal)
    if (fails) throw new StoreUnavailableError('Reading the log', 1, 'no answer')
    return {
      ...page,
      ...(namesServer && { server }),
      ...(saysBytes && { bytes: page.events.length * 1_000_000 }),
    }
  }
}

/** Reads like a follower: after another server has answered, it resumes after its last event that the log still has. */
class Member {
  readonly plan: MemberPlan
  readonly #world: World
  readonly #stop = new AbortController()
  seen: RecordedEvent[] = []
  after: number
  isGone = false
  /** The server that it has read from last. */
  server: string | undefined
  readonly ended: Promise<void>

  constructor(world: World, plan: MemberPlan) {
    this.#world = world
    this.plan = plan
    this.after = plan.start
    this.ended = this.#run()
  }

  stop(): void {
    this.isGone = true
    this.#stop.abort(new Error('stopped'))
  }

  async #run(): Promise<void> {
    const { filter, partition, limit, pollInterval, slowness } = this.plan
    const world = this.#world
    const member = world.reader.join({ filter, partition, pollInterval })
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        const { server } = this
        const page = await member.read({ after: this.after, limit, server }, signal)
        if (server !== undefined && page.server !== server) {
          // A lost event cannot be taken back: such a member forgets it, as a person would.
          this.seen = this.seen.filter(({ id }) => world.log.some((event) => event.id === id))
          this.after = this.seen.at(-1)?.position ?? this.plan.start
          this.server = String(world.server)
          continue
        }
        this.server = page.server
        assert.ok(page.through >= this.after, 'a page does not go back')
        assert.ok(page.events.length <= limit, 'a page keeps its limit')
        for (let left = slowness; left > 0; left--) await abortable(world.step('handling'), signal)
        this.seen.push(...page.events)
        this.after = page.through
        if (!page.full) await member.wait(this.after, signal)
      } catch (error) {
        if (signal.aborted) break
        if (!(error instanceof StoreUnavailableError)) throw error
        await world.clock.sleep(20, signal).catch(() => {})
      }
    }
    member.leave()
  }

  get wanted(): readonly RecordedEvent[] {
    const { filter, partition, start } = this.plan
    return this.#world.log.filter(
      ({ type, streamId, position, tags: own }) =>
        position > start &&
        filter.types?.includes(type) !== false &&
        (filter.streamPrefix === undefined || streamId.startsWith(filter.streamPrefix)) &&
        filter.tags?.every((tag) => own.includes(tag)) !== false &&
        (partition === undefined || isInPartition(streamId, partition)),
    )
  }
}

async function play(scheduler: fc.Scheduler, story: Story): Promise<void> {
  const world = new World(scheduler, story)
  const members: Member[] = []
  const step = async () => {
    if (scheduler.count() > 0) await scheduler.waitOne()
    await new Promise<void>((resolve) => process.nextTick(resolve))
  }
  const perform = (action: Action) => {
    if (action.what === 'append') {
      world.append(
        types[action.type] as string,
        streams[action.stream] as string,
        tags[action.tags] as readonly string[],
      )
      if (action.wakes) world.wakeup.wake()
    } else if (action.what === 'join') {
      const plan = story.members[action.member % story.members.length]
      if (plan !== undefined) members.push(new Member(world, plan))
    } else if (action.what === 'leave') {
      members[action.member % Math.max(1, members.length)]?.stop()
    } else if (story.namesServer) {
      world.server++
      world.log.splice(Math.max(0, world.log.length - action.lost))
    }
  }
  for (const { after, action } of story.actions) {
    for (let left = after; left > 0; left--) await step()
    perform(action)
  }
  world.isCalm = true
  for (const plan of story.members) members.push(new Member(world, plan))
  for (const [nth] of types.entries()) {
    perform({ what: 'append', type: nth, stream: nth, tags: 2, wakes: true })
  }
  const end = world.log.at(-1)?.position ?? 0
  // A member that has not heard of another server may be further in the log of the former one.
  const present = story.namesServer ? String(world.server) : undefined
  const isDone = () =>
    members.every(({ isGone, after, server }) => isGone || (after >= end && server === present))
  for (let steps = 0; !isDone(); steps++) {
    assert.ok(steps < 20_000, 'the story does not end')
    await step()
  }
  for (const member of members) {
    const ids = (events: readonly RecordedEvent[]) => events.map(({ id }) => id)
    if (!member.isGone) assert.deepEqual(ids(member.seen), ids(member.wanted))
    member.stop()
  }
  let isOver = false
  void Promise.all(members.map(({ ended }) => ended)).then(() => {
    isOver = true
  })
  for (let steps = 0; !isOver; steps++) {
    assert.ok(steps < 1_000, 'a member does not end')
    await step()
  }
}

const filter: fc.Arbitrary<EventFilter> = fc.record({
  types: fc.option(fc.subarray([...types], { minLength: 1 }), { nil: undefined }),
  streamPrefix: fc.constantFrom(undefined, undefined, 'x-', 'y-', 'y-1'),
  tags: fc.constantFrom(undefined, undefined, undefined, ['t'], ['u', 't']),
})

const plan: fc.Arbitrary<MemberPlan> = fc.record({
  // Partitions of one subscription have the same filter.
  filter: fc.oneof({ weight: 1, arbitrary: fc.constant({}) }, { weight: 2, arbitrary: filter }),
  partition: fc.option(
    fc.record({ subscription: fc.constantFrom('s', 'r'), index: fc.nat(1), count: fc.constant(2) }),
    { nil: undefined },
  ),
  start: fc.constantFrom(0, 0, 0, 3),
  limit: fc.integer({ min: 1, max: 6 }),
  pollInterval: fc.constantFrom(10, 250),
  slowness: fc.constantFrom(0, 0, 1, 8),
})

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      what: fc.constant('append' as const),
      type: fc.nat(2),
      stream: fc.nat(4),
      tags: fc.nat(2),
      wakes: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('join' as const), member: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('leave' as const), member: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('failover' as const), lost: fc.nat(3) }) },
)

const story: fc.Arbitrary<Story> = fc.record({
  members: fc.array(plan, { minLength: 1, maxLength: 5 }),
  actions: fc.array(fc.record({ after: fc.nat(12), action }), { minLength: 4, maxLength: 40 }),
  faults: fc.array(fc.constantFrom(false, false, false, false, true), { maxLength: 60 }),
  largestPage: fc.integer({ min: 1, max: 6 }),
  namesServer: fc.boolean(),
  saysBytes: fc.boolean(),
})

const settings = { numRuns: Number(process.env.SCHEDULES ?? 2_000), endOnFailure: true }

it('each member gets exactly the events of its filter, in order, each once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), story, (scheduler, story) => play(scheduler, story)),
    settings,
  )
}, 300_000)
