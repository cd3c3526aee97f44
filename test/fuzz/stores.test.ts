/** Every public call, given whatever one can think of, on every store: each does and says what the store in memory does. */
import assert from 'node:assert/strict'
import { type EventStore, memoryStore } from '@eventsourced/core'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { isMissing } from '../emulators/start.ts'
import { type RunningStore, stores } from '../stores.ts'
import { publicCalls } from './calls.ts'
import { comparable, contentOf } from './comparable.ts'
import { byTag } from './kinds.ts'
import { type Outcome, outcomeOf, type Trial, trialOf } from './outcome.ts'
import { runs } from './runs.ts'
import { anyText, isName } from './texts.ts'

// How often each is called; those that are not named need no store.
const weights: Readonly<Record<string, number>> = {
  ...{ append: 12, appendAll: 6, import: 4, createStream: 2, 'commandHandler, handling': 5 },
  ...{ readStream: 3, readAll: 3, 'readAll, following': 1, streamInfo: 1, streams: 2, foldStream: 2 },
  ...{ view: 1, 'view.get': 3, 'view.all': 2, rebuild: 1, verify: 1 },
  ...{
    subscribe: 1,
    runOnce: 1,
    'subscription.caughtUp': 1,
    'subscription.status': 1,
    'subscription.stop': 1,
  },
  ...{
    subscriptionStatus: 1,
    parked: 1,
    'parked.list': 1,
    'parked.show': 1,
    'parked.retry': 1,
    'parked.skip': 1,
  },
}

// Few names, so that calls meet; others in each program.
const program = fc
  .uniqueArray(anyText.filter(isName), { minLength: 1, maxLength: 4 })
  .chain((names) => {
    const calls = publicCalls({ hostile: 1 }, fc.constantFrom(...names))
    const trials = Object.entries(weights).map(([name, weight]) => ({
      weight,
      arbitrary: trialOf(calls, name),
    }))
    return fc.record({
      calls: fc.constant(calls),
      trials: fc.array(fc.oneof(...trials), { maxLength: 12, size: 'max' }),
    })
  })
  .map((all) =>
    Object.defineProperty(all, fc.toStringMethod, { value: () => all.trials.map(fc.stringify).join('\n') }),
  )

for (const { name, server, emulator, start } of stores) {
  const missing = emulator && isMissing(emulator)
  describe.skipIf(missing)(missing ? `${name}: ${missing}` : name, () => {
    let running: RunningStore | undefined
    beforeAll(async () => {
      running = await start(server && inject('servers')[server])
    })
    afterAll(() => running?.stop())

    it('does and says what the store in memory does, whatever it is given', async () => {
      const seen = new Map<string, number>()
      const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)
      await fc.assert(
        fc.asyncProperty(program, async ({ calls, trials }) => {
          const world = await running?.world()
          if (world === undefined) throw new Error(`${name} did not start`)
          try {
            const store = await world.open({ inline: [byTag] })
            const memory = memoryStore({ inline: [byTag] })
            for (const trial of trials) {
              const isPiecewise = calls[trial.name]?.isPiecewise === true
              const outcome = await tried(trial, store, isPiecewise, () => outcomeOf(calls, trial, store))
              const expected = await outcomeOf(calls, trial, memory)
              assert.deepEqual(await comparable(outcome, store), await comparable(expected, memory))
              count(outcome.kind)
            }
            assert.deepEqual(await contentOf(store), await contentOf(memory))
            await memory.close()
          } finally {
            await world.end()
          }
        }),
        runs(emulator === undefined ? 25 : 5),
      )
      expect([...seen.keys()].sort()).toEqual(['done', 'given up', 'refused'])
      assert.equal(({} as { polluted?: unknown }).polluted, undefined)
    })
  })
}

/** A call that is given something wrong leaves everything as it was. */
async function tried(
  { faults }: Trial,
  store: EventStore,
  isPiecewise: boolean,
  call: () => Promise<Outcome>,
): Promise<Outcome> {
  if (faults.length === 0 || isPiecewise) return call()
  const before = await contentOf(store)
  const outcome = await call()
  // A command that was handled before is not decided again.
  const isDone =
    outcome.kind === 'done' && (outcome.value as { deduplicated?: boolean }).deduplicated !== true
  assert.equal(isDone, false)
  assert.deepEqual(await contentOf(store), before)
  return outcome
}
