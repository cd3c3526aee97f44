/** Every public call with random arguments on every store: it does the same as on the store in memory, and the store stays usable. */
import assert from 'node:assert/strict'
import { type EventStore, hasCode, memoryStore } from '@eventsourced/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { counted, numbersOf, range, streamOf } from '../../src/conformance/events.ts'
import { failure } from '../../src/conformance/expect.ts'
import { onEachStore } from '../each-store.ts'
import { publicCalls } from './calls.ts'
import { comparable, contentOf } from './comparable.ts'
import { byTag } from './kinds.ts'
import { type Outcome, outcomeOf, type Trial, trialOf } from './outcome.ts'
import { runs } from './runs.ts'
import { anyText, isName } from './texts.ts'

// How often each call is made. Calls that are not listed need no store.
const weights: Readonly<Record<string, number>> = {
  ...{ append: 12, appendAll: 6, import: 4, createStream: 2, 'commandHandler, handling': 5 },
  ...{ readStream: 3, readAll: 3, 'readAll, following': 1, streamInfo: 1, listStreams: 2, foldStream: 2 },
  ...{ 'raw.readStream': 1, 'raw.readAll': 1, 'raw.findEvent': 3 },
  ...{ 'snapshots.read': 2, 'snapshots.write': 2, 'snapshots.delete': 1 },
  ...{ 'audit.record': 2, 'audit.list': 1 },
  ...{ view: 1, 'view.get': 3, 'view.list': 2, rebuild: 1, verify: 1, listProjections: 1 },
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

// Each program has a few names of its own, so that its calls meet each other.
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

const manyEvents = 70_000

onEachStore(({ emulator }, withWorld) => {
  const withStore = (use: (store: EventStore) => Promise<void>) =>
    withWorld(async (world) => use(await world.open({ inline: [byTag] })))

  it('has the results and errors of the store in memory, with any arguments', async () => {
    let done = 0
    await fc.assert(
      fc.asyncProperty(program, async ({ calls, trials }) => {
        await withStore(async (store) => {
          const memory = memoryStore({ inline: [byTag] })
          for (const trial of trials) {
            const isPiecewise = calls[trial.name]?.isPiecewise === true
            const outcome = await checkedCall(trial, store, isPiecewise, () => outcomeOf(calls, trial, store))
            const expected = await outcomeOf(calls, trial, memory)
            assert.deepEqual(await comparable(outcome, store), await comparable(expected, memory))
            if (outcome.kind === 'done') done++
          }
          assert.deepEqual(await contentOf(store), await contentOf(memory))
          await memory.close()
        })
      }),
      runs(emulator === undefined ? 12 : 3),
    )
    expect(done).toBeGreaterThan(0)
    assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  })

  it('writes nothing of 70,000 events of which the last is wrong, and stays usable', () =>
    withStore(async (store) => {
      const events = [...counted(manyEvents - 1), { type: 'T', data: Number.NaN }]
      const error = await failure(store.append('a', events))
      assert.ok(hasCode(error, 'invalid-input'))
      assert.equal(error.field, `events[${manyEvents - 1}].data`)
      assert.equal((await store.readStream('a')).exists, false)
      assert.equal((await store.append('a', counted(1))).version, 1)
    }))

  it('answers other calls while it appends 70,000 events in one call', () =>
    withStore(async (store) => {
      await store.append('b', counted(1))
      let isOver = false
      const large = store.append('a', counted(manyEvents)).finally(() => {
        isOver = true
      })
      let answered = 1
      do {
        await store.append('b', counted(1, answered + 1))
        answered++
      } while (!isOver)
      assert.equal((await large).version, manyEvents)
      assert.deepEqual(numbersOf(await streamOf(store, 'b')), range(1, answered))
    }))
})

/** Makes a call. If its arguments have a fault, asserts that it changes nothing. */
async function checkedCall(
  { faults }: Trial,
  store: EventStore,
  isPiecewise: boolean,
  call: () => Promise<Outcome>,
): Promise<Outcome> {
  if (faults.length === 0 || isPiecewise) return call()
  const before = await contentOf(store)
  const outcome = await call()
  // The store does not decide a repeated command again, so that it need not find a fault of its decision.
  const isDone =
    outcome.kind === 'done' && (outcome.value as { deduplicated?: boolean }).deduplicated !== true
  assert.equal(isDone, false)
  assert.deepEqual(await contentOf(store), before)
  return outcome
}
