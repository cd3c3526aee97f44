/** Every public call with wrong arguments: the error names the argument, and the store has not read its data before. */
import assert from 'node:assert/strict'
import * as core from '@eventsourced/core'
import { hasCode, memoryStore } from '@eventsourced/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { eventStore } from '../../src/engine/store-from-storage.ts'
import { memoryStorage } from '../../src/memory/store.ts'
import { InlineProjections } from '../../src/projection/inline.ts'
import { publicCalls, withoutInput } from './calls.ts'
import { catalogue } from './catalogue-calls.ts'
import { byTag } from './kinds.ts'
import { outcomeOf, type Trial, trialOf } from './outcome.ts'
import { assertTells } from './refusal-facts.ts'
import { runs } from './runs.ts'
import { anyText, isName } from './texts.ts'

const calls = publicCalls({ hostile: 12 }, anyText.filter(isName))

it('the table of calls names every function of the library, of a store, and of what a store gives', async () => {
  const store = memoryStore()
  const functionsOf = (object: object, prefix = '') =>
    Object.entries(object)
      .filter(([, value]) => typeof value === 'function' && !(value.prototype instanceof Error))
      .map(([key]) => prefix + key)
  const subscription = store.subscribe({ name: 'a', handle() {} })
  const functions = [
    ...functionsOf(core),
    ...functionsOf(store),
    ...functionsOf(store.raw, 'raw.'),
    ...functionsOf(store.view('a'), 'view.'),
    ...functionsOf(store.parked('a'), 'parked.'),
    ...functionsOf(store.subscriptions, 'subscriptions.'),
    ...functionsOf(store.snapshots, 'snapshots.'),
    ...functionsOf(store.audit, 'audit.'),
    ...functionsOf(subscription, 'subscription.'),
    ...functionsOf(catalogue, 'catalogue.'),
  ]
  await store.close()
  const isErrorBase = (name: string) => name === 'EventSourcedError'
  const wanted = functions.filter(
    (name) => !withoutInput.includes(name) && !isErrorBase(name) && name !== 'close',
  )
  const named = new Set(Object.keys(calls).map((name) => name.split(', ')[0]))
  expect([...named].sort()).toEqual(wanted.sort())
})

/** A store in memory, and a list of the storage methods that it has called. */
function observedStore() {
  const inline = [byTag]
  const storage = memoryStorage(new InlineProjections(inline))
  const asked: string[] = []
  const observed = new Proxy(storage, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key)
      if (typeof member !== 'function') return member
      return (...given: unknown[]) => {
        asked.push(String(key))
        return member.apply(target, given)
      }
    },
  })
  return { store: eventStore(observed, { inline }), asked }
}

for (const [name, call] of Object.entries(calls)) {
  it(`${name} refuses wrong arguments before it reads its data, and accepts right ones`, async () => {
    const counts = { refused: 0, taken: 0 }
    const trial = trialOf(calls, name)
    await fc.assert(
      fc.asyncProperty(trial, async (one) => {
        const { store, asked } = observedStore()
        const outcome = await outcomeOf(calls, one, store)
        const refusal =
          outcome.kind === 'refused' && hasCode(outcome.error, 'invalid-input') ? outcome.error : undefined
        if (one.faults.length > 0) {
          // A call that reads or writes first may fail on that before it finds the fault.
          const mayFailBefore = (call.readsFirst || call.isPiecewise) && outcome.kind === 'refused'
          const isReported = refusal !== undefined || outcome.kind === 'given up' || mayFailBefore
          assert.ok(isReported, `refused: ${fieldsOf(one)}`)
          if (!call.isPiecewise && !call.hasWorker && !call.readsFirst) assert.deepEqual(asked, [])
        } else {
          assert.equal(refusal, undefined)
        }
        if (refusal !== undefined) assertTells(refusal, one.faults)
        counts[one.faults.length > 0 ? 'refused' : 'taken']++
        await store.close()
      }),
      call.hasWorker ? runs(50) : runs(200, 10),
    )
    expect(counts.taken).toBeGreaterThan(0)
    if (call.places.length > 0) expect(counts.refused).toBeGreaterThan(0)
  })
}

const fieldsOf = ({ faults }: Trial) => faults.map(({ field }) => field).join(' or ')
