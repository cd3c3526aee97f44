/**
 * Runs the subscriptions of several processes in thousands of orders of events, faults, timers and operators' changes.
 * They must skip no event, keep the order, and repeat an event only after a fault.
 */
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { afterEach, beforeEach, it, vi } from 'vitest'
import type { SubscriptionPlan } from './ledger.ts'
import { type Action, play, retries, type Story, types } from './story.ts'

// Without this, the random pauses of the code would make a failing run impossible to repeat.
beforeEach(() => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
})
afterEach(() => {
  vi.restoreAllMocks()
})

type Plan = Omit<SubscriptionPlan, 'base' | 'leaseTime' | 'action'>

const plan = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  types: fc.constantFrom(['A'], ['A', 'B'], undefined),
  transactional: fc.boolean(),
  batchSize: fc.integer({ min: 1, max: 3 }),
  takesBatches: fc.boolean(),
})
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
const appended = fc.record({ which: fc.nat(2), number: fc.nat(types.length - 1) })
const common = {
  plans: fc.array(plan, { minLength: 1, maxLength: 3 }),
  failing,
  largestPage: fc.integer({ min: 1, max: 5 }),
  // A reader keeps 8 MB: two such events.
  bytesOfEvent: fc.constantFrom(500, 4_000_000),
  events: fc.array(appended, { minLength: 1, maxLength: 6 }),
}

function actions(...what: readonly Action['what'][]): fc.Arbitrary<Action[]> {
  const action = fc.record({
    what: fc.constantFrom(...what),
    after: fc.nat(30),
    which: fc.nat(5),
    number: fc.nat(11),
  })
  return fc.array(action, { maxLength: 8 })
}

const inCalm = ['append', 'append', 'start', 'start', 'stop', 'retry', 'hold', 'release'] as const
const ofProcesses = ['kill', 'pause process', 'pause in beat', 'resume processes'] as const
const ofServers = ['change server', 'lose end', 'lose end'] as const
const ofOperators = [
  'repartition',
  'repartition',
  'repartition',
  'repartition',
  'move',
  'move again',
  'remove',
  'raise',
  'take over',
] as const

const faults = fc.array(
  fc.constantFrom('none', 'none', 'none', 'none', 'none', 'none', 'before', 'after' as const),
  { maxLength: 60 },
)

interface Given extends Omit<Story, 'plans' | 'hasServer' | 'longestSleep' | 'failures' | 'faults'> {
  readonly plans: readonly Plan[]
  readonly failing: {
    readonly action: SubscriptionPlan['action']
    readonly failures: readonly number[]
  }
}

/** In each story, all subscriptions do the same with events that fail. */
function storyOf(
  { plans, failing, ...given }: Given,
  leaseTimes: readonly number[],
  more: Pick<Story, 'hasServer' | 'longestSleep' | 'faults'>,
): Story {
  const { action, failures } = failing
  const complete = (one: Plan, nth: number): SubscriptionPlan => {
    const leaseTime = leaseTimes[nth % leaseTimes.length] as number
    return { ...one, action, leaseTime, base: `subscription-${nth}` }
  }
  return { ...given, ...more, failures, plans: plans.map(complete) }
}

const withoutBatches = (story: Story): Story => ({
  ...story,
  plans: story.plans.map((one) => ({ ...one, takesBatches: false })),
})

const calmStories = fc
  .record({ ...common, actions: actions(...inCalm, 'pause', 'resume') })
  .map((given) =>
    withoutBatches(storyOf(given, [10_000_000], { hasServer: false, longestSleep: 5_000, faults: [] })),
  )

const stormyStories = fc
  .record({
    ...common,
    faults,
    hasServer: fc.boolean(),
    actions: actions(...inCalm, 'append', ...ofProcesses, ...ofServers, ...ofServers),
  })
  .map(({ faults, hasServer, ...given }) =>
    storyOf(given, [60, 150, 90], { hasServer, longestSleep: 100_000, faults }),
  )

// More streams and more events: partitions that have come far and others that have not.
const manyEvents = fc.array(fc.record({ which: fc.nat(7), number: fc.nat(1) }), {
  minLength: 4,
  maxLength: 14,
})

const changingStories = fc
  .record({
    ...common,
    events: manyEvents,
    faults,
    hasServer: fc.boolean(),
    actions: actions(
      ...inCalm,
      ...ofProcesses,
      ...ofServers,
      'start late',
      'pause',
      'resume',
      ...ofOperators,
      ...ofOperators,
    ),
  })
  .map(({ faults, hasServer, ...given }) =>
    storyOf(given, [60, 150, 90], { hasServer, longestSleep: 100_000, faults }),
  )

// The number of runs of each property; set SCHEDULES=100000 for a long search. Shrinking a failure takes longer than
// finding it, so a failure ends the run.
const { SCHEDULES, LONG } = process.env
const numRuns = Number(SCHEDULES ?? (LONG === undefined ? 300 : 1_000))
const settings = { numRuns, endOnFailure: true }
const timeout = 3_600_000

it('handles each event exactly once, in order, while workers start and stop', { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), calmStories, async (scheduler, story) => {
      const model = await play(scheduler, story)
      for (const { plan, counts } of model.ledgers) {
        for (const count of counts) assert.equal(count, 1, `an event of ${plan.base}`)
      }
    }),
    settings,
  )
})

it('skips no event, and repeats events only after a fault, while calls fail and workers die', {
  timeout,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), stormyStories, async (scheduler, story) => {
      const model = await play(scheduler, story)
      for (const { plan, counts, leases } of model.ledgers) {
        const most = 1 + model.disruptions + leases.size - plan.partitions
        for (const count of counts) {
          assert.ok(
            count <= most,
            `an event of ${plan.base} was handled ${count} times, for ${most - 1} reasons`,
          )
        }
      }
    }),
    settings,
  )
})

it('skips no event, and ends workers that are over, while operators change subscriptions', {
  timeout,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), changingStories, async (scheduler, story) => {
      await play(scheduler, story)
    }),
    settings,
  )
})
