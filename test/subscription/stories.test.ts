/**
 * Runs subscriptions in thousands of orders of events, faults and timers. They must skip no event, keep the order, and
 * repeat an event only after a fault.
 */
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { afterEach, beforeEach, it, vi } from 'vitest'
import type { RecordedEvent } from '../../src/event.ts'
import { partitionOf } from '../../src/storage/partition.ts'
import { startSubscription } from '../../src/subscription/start.ts'
import type { HandlerContext, SubscribeOptions, Subscription } from '../../src/subscription/subscription.ts'
import { Model, type ModelOptions, Process, subscription } from './model.ts'

// Without this, the random pauses of the code would make a failing run impossible to repeat.
beforeEach(() => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
})
afterEach(() => {
  vi.restoreAllMocks()
})

type Action = {
  readonly what: 'append' | 'start' | 'stop' | 'kill' | 'pause' | 'resume' | 'retry'
  /** How many steps to run before the action. */
  readonly after: number
  /** The number of the worker, or of the stream. */
  readonly which: number
  readonly wanted: boolean
}

interface Story extends ModelOptions {
  readonly takesBatches: boolean
  readonly batchSize: number
  readonly leaseTime: number
  readonly events: readonly { readonly which: number; readonly wanted: boolean }[]
  readonly actions: readonly Action[]
}

interface Worker {
  readonly process: Process
  readonly subscription: Subscription
  isGone: boolean
}

const retries = 2
const mostSteps = 5_000

async function play(scheduler: fc.Scheduler, story: Story): Promise<Model> {
  const model = new Model(scheduler, story)
  const workers: Worker[] = []

  async function step(): Promise<void> {
    if (scheduler.count() > 0) await scheduler.waitOne()
    // Lets all continuations of the step run.
    await new Promise<void>((resolve) => process.nextTick(resolve))
  }
  async function until(isReached: () => boolean | Promise<boolean>): Promise<void> {
    for (let steps = 0; !(await isReached()); steps++) {
      assert.ok(steps < mostSteps, 'the story does not end')
      await step()
    }
  }
  function append(which: number, wanted: boolean): void {
    model.append(`stream-${which}`, wanted ? 'wanted' : 'unwanted')
    for (const { process } of workers) process.wakeup.wake()
  }
  function start(): void {
    const process = new Process(model, `worker ${workers.length + 1}`)
    const options = optionsOf(story, model, process)
    const started = startSubscription(process.environment, options, () => {}).subscription
    workers.push({ process, subscription: started, isGone: false })
  }
  async function perform({ what, which, wanted }: Action): Promise<void> {
    if (what === 'append') return append(which, wanted)
    const running = workers.filter(({ isGone }) => !isGone)
    if (what === 'start' && running.length < 3) return start()
    if (what === 'retry') {
      const parked = [...(await model.parkedPositions())]
      await model.subscriptions.retryParked(subscription, [parked[which % parked.length] ?? 0])
    }
    const worker = running[which % running.length]
    if (worker === undefined) return
    if (what === 'pause') worker.process.pause()
    if (what === 'resume') for (const { process } of running) process.resume()
    if (what === 'stop' || what === 'kill') worker.isGone = true
    if (what === 'kill') worker.process.kill()
    if (what === 'stop') void worker.subscription.stop({ timeout: 1_000_000 })
  }

  for (const { which, wanted } of story.events) append(which, wanted)
  start()
  for (const action of story.actions) {
    for (let left = action.after; left > 0; left--) await step()
    await perform(action)
  }

  model.isCalm = true
  for (const { process } of workers) process.resume()
  start()
  // After all faults, the subscription must still handle new events.
  for (const which of [0, 1, 2]) append(which, true)
  const end = model.log.at(-1)?.position ?? 0
  await until(async () => {
    const checkpoints = await model.subscriptions.checkpoints(subscription)
    return checkpoints.length > 0 && checkpoints.every(({ position }) => position >= end)
  })
  model.heal()
  for (const position of await model.parkedPositions()) {
    await model.subscriptions.retryParked(subscription, [position])
  }
  await until(async () => (await model.parkedPositions()).size === 0)
  let isStopped = false
  const stops = workers.map(({ subscription }) => subscription.stop({ timeout: 1_000_000 }))
  // A killed worker never stops.
  const alive = stops.filter((_, index) => workers[index]?.process.isDead === false)
  void Promise.all(alive).then(() => {
    isStopped = true
  })
  await until(() => isStopped)

  const missing = model.wanted.filter(({ position }) => !model.isHandled(position))
  assert.deepEqual(missing, [], 'every event is handled')
  const unwanted = model.order.filter(({ type }) => type !== 'wanted')
  assert.deepEqual(unwanted, [], 'no event is handled that the filter does not select')
  checkOrder(model)
  return model
}

function checkOrder({ order, options }: Model): void {
  if (options.action === 'park') return
  const last = new Map<string | number, number>()
  for (const { streamId, position } of order) {
    const key = options.action === 'stop' ? partitionOf(streamId, options.partitions) : streamId
    assert.ok(position > (last.get(key) ?? 0), `event ${position} was handled after a later one`)
    last.set(key, position)
  }
}

function optionsOf(story: Story, model: Model, process: Process): SubscribeOptions {
  const { partitions, transactional, action, batchSize, leaseTime } = story
  async function handle(events: readonly RecordedEvent[], context: HandlerContext): Promise<void> {
    await model.checkTurn(events[0] as RecordedEvent)
    for (const event of events) {
      await process.step(`handling ${event.position}`)
      if (model.fails(event.position)) {
        // The earlier events of the batch are handled again.
        if (events.length > 1) model.disruptions++
        throw new Error('the handler fails')
      }
      if (transactional) await (context.tx as unknown as ModelWriter).write(event)
      else model.noteHandled(event)
    }
  }
  const options = {
    name: subscription,
    types: ['wanted'],
    partitions,
    transactional,
    batchSize,
    leaseTime,
    pollInterval: 20,
    onError: { retries, backoff: 1, action },
  }
  return story.takesBatches
    ? { ...options, handleBatch: handle }
    : { ...options, handle: (event, context) => handle([event], context) }
}

interface ModelWriter {
  write(event: RecordedEvent): Promise<void>
}

const appended = fc.record({
  which: fc.nat(2),
  wanted: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.constant(false)),
})
const common = {
  partitions: fc.integer({ min: 1, max: 2 }),
  transactional: fc.boolean(),
  batchSize: fc.integer({ min: 1, max: 3 }),
  largestPage: fc.integer({ min: 1, max: 5 }),
  events: fc.array(appended, { minLength: 1, maxLength: 6 }),
}
const failing = fc.oneof(
  fc.record({
    action: fc.constant('stop' as const),
    failures: fc.array(fc.constantFrom(0, 0, 0, 1, retries), { maxLength: 8 }),
  }),
  fc.record({
    action: fc.constantFrom('park' as const, 'block-stream' as const),
    failures: fc.array(fc.constantFrom(0, 0, 1, 4), { minLength: 2, maxLength: 8 }),
  }),
)

function actions(...what: readonly Action['what'][]): fc.Arbitrary<Action[]> {
  const action = fc.record({
    what: fc.constantFrom(...what),
    after: fc.nat(20),
    which: fc.nat(2),
    wanted: fc.boolean(),
  })
  return fc.array(action, { maxLength: 7 })
}

const calmStories = fc
  .record({ ...common, failing, actions: actions('append', 'start', 'start', 'stop', 'retry') })
  .map(({ failing, ...story }): Story => {
    return {
      ...story,
      ...failing,
      takesBatches: false,
      leaseTime: 10_000_000,
      longestSleep: 5_000,
      faults: [],
    }
  })

const stormyStories = fc
  .record({
    ...common,
    failing,
    takesBatches: fc.boolean(),
    faults: fc.array(fc.constantFrom('none', 'none', 'none', 'none', 'none', 'before', 'after' as const), {
      maxLength: 40,
    }),
    actions: actions('append', 'start', 'stop', 'kill', 'pause', 'pause', 'resume', 'retry'),
  })
  .map(
    ({ failing, ...story }): Story =>
      ({ ...story, ...failing, leaseTime: 60, longestSleep: 100_000 }) as Story,
  )

// The number of runs of each property; set SCHEDULES=100000 for a long search. Shrinking a failure takes longer than
// finding it, so a failure ends the run.
const settings = { numRuns: Number(process.env.SCHEDULES ?? 2_000), endOnFailure: true }

it('handles each event exactly once, in order, while workers start and stop', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), calmStories, async (scheduler, story) => {
      const model = await play(scheduler, story)
      for (const [position, count] of model.handled) assert.equal(count, 1, `event ${position}`)
    }),
    settings,
  )
}, 300_000)

it('skips no event, and repeats events only after a fault, while calls fail and workers die', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), stormyStories, async (scheduler, story) => {
      const model = await play(scheduler, story)
      const most = 1 + model.disruptions + model.leases.size - story.partitions
      for (const [position, count] of model.handled) {
        assert.ok(count <= most, `event ${position} was handled ${count} times, for ${most - 1} reasons`)
      }
    }),
    settings,
  )
}, 300_000)
