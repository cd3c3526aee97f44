/** Calls health, its probes and Prometheus with wrong arguments: the error names the argument, and nothing asks the store. */
import assert from 'node:assert/strict'
import { hasCode, memoryStore } from '@eventsourced/core'
import * as health from '@eventsourced/core/health'
import * as prometheus from '@eventsourced/core/prometheus'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { boxed } from './json.ts'
import { callKinds } from './kinds.ts'
import { outcomeOf, trialOf } from './outcome.ts'
import type { Calls } from './public-call.ts'
import { assertTells } from './refusal-facts.ts'
import { runs } from './runs.ts'
import type { Kind } from './samples.ts'
import { anyText, isName } from './texts.ts'

const { leaf, optional, list, record, number, milliseconds, boolean } = callKinds(
  { hostile: 12 },
  anyText.filter(isName),
)

const known = memoryStore()
const store = leaf(fc.constant(known), (value) => value === known)
const limits = {
  maxLag: number(0, [0, 100, 2 ** 53 - 1]),
  maxLagTime: milliseconds(0, [0, 60_000]),
  maxParked: number(0, [0, 2 ** 53 - 1]),
}
// An object has names of its own in errors, `subscriptions[0].name`: test/health/health.test.ts refuses wrong ones.
const expected = leaf(
  fc.constantFrom<unknown>('mailer', { name: 'mailer', maxLag: 5, scheduled: true }),
  (value) => isName(value) || (typeof value === 'object' && value !== null),
  boxed(fc.constantFrom<unknown>(null, 1, '', '$a', 'a\0', () => {})),
)
const healthOptions = {
  ...limits,
  timeout: milliseconds(1, [1_000, 2 ** 31 - 1]),
  maxAge: milliseconds(0, [0, 1_000]),
  maxFrontierAge: milliseconds(0, [0, 10_000]),
  subscriptions: optional(list(expected)),
}
const options = (shape: Readonly<Record<string, Kind>>) => optional(record(shape, { nested: false }))
const isPrefix = (value: unknown) => typeof value === 'string' && /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(value)
const areBuckets = (value: unknown) =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((bound, index) => Number.isFinite(bound) && bound > (index === 0 ? 0 : value[index - 1]))

const calls: Calls = {
  health: {
    places: [
      ['store', store],
      ['options', options(healthOptions)],
    ],
    call: (_store, given) => health.health(...(given as [never])),
  },
  healthz: {
    places: [
      ['store', store],
      [
        'options',
        options({ ...healthOptions, detail: optional(boolean), failOnDegraded: optional(boolean) }),
      ],
    ],
    call: (_store, given) => typeof health.healthz(...(given as [never])),
  },
  livez: {
    places: [
      ['store', store],
      ['options', options({ detail: optional(boolean) })],
    ],
    call: (_store, given) => typeof health.livez(...(given as [never])),
  },
  prometheus: {
    places: [
      [
        'options',
        options({
          prefix: optional(leaf(fc.constantFrom('a_', '_', 'eventsourced_'), isPrefix)),
          buckets: optional(leaf(fc.constantFrom([0.1], [0.001, 1, 10]), areBuckets)),
        }),
      ],
    ],
    call: (_store, given) => Object.keys(prometheus.prometheus(...(given as []))),
  },
  'prometheus, answering': {
    places: [
      ['store', optional(store)],
      ['options', options(healthOptions)],
    ],
    call: (_store, given) => typeof prometheus.prometheus().handler(...(given as [])),
  },
  'prometheus, writing': {
    places: [
      ['store', optional(store)],
      ['options', options(healthOptions)],
    ],
    call: (_store, given) => prometheus.prometheus().text(...(given as [])),
  },
}

it('the table names every function of the two modules', () => {
  const named = new Set(Object.keys(calls).map((call) => call.split(', ')[0]))
  expect([...named].sort()).toEqual(Object.keys({ ...health, ...prometheus }).sort())
})

for (const call of Object.keys(calls)) {
  it(`${call} refuses wrong arguments, and accepts right ones`, async () => {
    await fc.assert(
      fc.asyncProperty(trialOf(calls, call), async (trial) => {
        const outcome = await outcomeOf(calls, trial, known)
        assert.equal(outcome.kind, trial.faults.length > 0 ? 'refused' : 'done')
        if (outcome.kind !== 'refused') return
        assert.ok(hasCode(outcome.error, 'invalid-input'))
        assertTells(outcome.error, trial.faults)
      }),
      runs(300, 10),
    )
  })
}
