/** Cases of checking what is stored with a catalogue that no process uses yet. */
import assert from 'node:assert/strict'
import type { CheckableStore, CheckProgress, CheckResult } from '../catalogue/check-result.ts'
import { defineEvents, payload } from '../catalogue/define-events.ts'
import type { StandardSchema } from '../catalogue/standard-schema.ts'
import type { ImportedEvent } from '../imported-event.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { collect, everything, range } from './events.ts'
import { failure, refused } from './expect.ts'

const group = 'checks of a catalogue'

/** A schema of `{ amount, currency }` with a positive amount. */
const Money: StandardSchema<{ amount: number; currency: string }> = {
  '~standard': {
    version: 1,
    vendor: 'conformance',
    validate(value) {
      const { amount, currency } = value as { amount: unknown; currency: unknown }
      if (typeof currency !== 'string')
        return { issues: [{ message: 'must be a string', path: ['currency'] }] }
      if (typeof amount === 'number' && amount > 0) return { value: { amount, currency } }
      return { issues: [{ message: 'must be positive', path: ['amount'] }] }
    },
  },
}

const payments = defineEvents(
  { Paid: Money, Refunded: payload<{ amount: number }>(), Noted: payload<{ text: string }>() },
  {
    upcasts: {
      Paid: {
        1: (old: { cents: number }) => ({ euros: old.cents / 100 }),
        2: (old: { euros: number }) => ({ amount: old.euros, currency: 'EUR' }),
      },
      PaidBack: 'Refunded',
      PaidAndNoted: {
        Paid: (old: { amount: number; text: string }) => ({ amount: old.amount, currency: 'EUR' }),
        Noted: ({ text }: { amount: number; text: string }) => ({ text }),
      },
      Refund: 'Refunded',
      Seen: {},
    },
  },
)

function stored(type: string, data: unknown, schemaVersion = 1, streamId = 'a'): ImportedEvent {
  return { streamId, type, data, ...(schemaVersion > 1 && { metadata: { $schemaVersion: schemaVersion } }) }
}

async function record(store: EventStore, events: readonly ImportedEvent[]): Promise<void> {
  await store.import(events, { name: `import of ${events.length}`, shape: 'stored' })
}

/** The kinds as texts, with the version of each example in its stream. */
function kindsOf({ stored }: CheckResult): readonly string[] {
  return stored.map(
    ({ type, schemaVersion, events, today, failed, examples }) =>
      `${type} ${schemaVersion}: ${events} → ${today.join('+')}${failed > 0 ? `, ${failed} failed: ${examples.map(({ version }) => version)}` : ''}`,
  )
}

/** A schema that throws for data without `amount`. */
const throwing: StandardSchema<{ amount: number }> = {
  '~standard': {
    version: 1,
    vendor: 'conformance',
    validate(value) {
      const { amount } = value as { amount?: number }
      if (amount === undefined) throw new RangeError('no amount')
      return { value: { amount } }
    },
  },
}

export const catalogueCheckCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'report an event for which the schema throws, and continue',
    async run({ open }) {
      const store = await open()
      await record(store, [stored('Paid', {}), stored('Paid', { amount: 1 })])
      const result = await defineEvents({ Paid: throwing }).check(store)
      assert.deepEqual(kindsOf(result), ['Paid 1: 2 → Paid, 1 failed: 1'])
      assert.match(result.stored[0]?.examples[0]?.message ?? '', /RangeError: no amount/)
    },
  },
  {
    group,
    name: 'count each stored type and version, give examples of failures, and name upcasts that nothing needs',
    async run({ open }) {
      const store = await open()
      await record(store, [
        stored('Paid', { cents: 100 }),
        stored('Paid', { cents: -100 }),
        stored('Paid', { amount: 5, currency: 'USD' }, 3),
        stored('Paid', {}, 4),
        stored('PaidAndNoted', { amount: 0, text: 'free' }),
        stored('PaidAndNoted', { amount: 1, text: 'a' }),
        stored('Refund', { amount: 1 }, 1, 'b'),
        stored('Unheard', {}, 1, 'b'),
      ])
      const before = await everything(store)
      const result = await payments.check(store)
      assert.deepEqual(await everything(store), before)
      assert.deepEqual(kindsOf(result), [
        'Paid 1: 2 → Paid, 1 failed: 2',
        'Paid 3: 1 → Paid',
        'Paid 4: 1 → , 1 failed: 4',
        'PaidAndNoted 1: 2 → Noted+Paid, 1 failed: 5',
        'Refund 1: 1 → Refunded',
        'Unheard 1: 1 → , 1 failed: 2',
      ])
      const { ok, events, failed, after, isSample, unlisted, unused } = result
      assert.deepEqual(
        { ok, events, failed, after, isSample, unlisted },
        { ok: false, events: 8, failed: 4, after: 0, isSample: false, unlisted: 0 },
      )
      assert.deepEqual(unused, [{ type: 'PaidBack' }, { type: 'Seen' }])
      assert.deepEqual(
        result.stored.map(({ isKnown }) => isKnown),
        [true, true, true, true, true, false],
      )
      const [example] = result.stored[0]?.examples ?? []
      assert.equal(example?.streamId, 'a')
      assert.equal(example?.message, "'Paid' data.amount: must be positive")
      assert.match(
        result.stored[2]?.examples[0]?.message ?? '',
        /version 4, and this process knows version 3/,
      )
      const [last] = await collect(store.raw.readAll({ direction: 'backward', limit: 1 }))
      assert.equal(result.position, last?.position)
      assert.deepEqual(JSON.parse(JSON.stringify(result)), result)

      const few = await payments.check(store, { limit: 0 })
      assert.deepEqual([few.failed, few.stored.flatMap(({ examples }) => examples)], [4, []])
    },
  },
  {
    group,
    name: 'pass if everything is read, also in a log without events and behind the catalogue of another release',
    async run({ open }) {
      const store = await open()
      const empty = await payments.check(store)
      assert.deepEqual([empty.ok, empty.events, empty.position, empty.stored], [true, 0, 0, []])
      assert.equal(empty.unused.length, 6)
      await record(store, [
        stored('Paid', { cents: 100 }),
        stored('Seen', {}),
        stored('PaidBack', { amount: 1 }),
      ])
      const old = { events: defineEvents({ Paid: payload<{ cents: number }>() }), raw: store.raw }
      const result = await payments.check(old)
      assert.deepEqual([result.ok, result.events, result.failed], [true, 3, 0])
      assert.deepEqual(result.unused, [{ type: 'PaidAndNoted' }, { type: 'Refund' }])
      const skipping = defineEvents({ Paid: Money }, { unknown: 'skip' })
      const skipped = (await skipping.check(store)).stored.filter(({ isKnown }) => !isKnown)
      assert.deepEqual(
        skipped.map(({ type, today, failed }) => [type, today, failed]),
        [
          ['PaidBack', [], 0],
          ['Seen', [], 0],
        ],
      )
    },
  },
  {
    group,
    name: 'resume where an aborted check ended, and begin after a position',
    async run({ open }) {
      const store = await open()
      const count = 2400
      const isBad = (number: number) => number % 200 === 1
      await record(
        store,
        range(1, count).map((number) =>
          stored('Paid', { amount: isBad(number) ? 0 : 1, currency: 'EUR' }, 3),
        ),
      )
      const controller = new AbortController()
      const seen: CheckProgress[] = []
      const stopped = new Error('stopped')
      const onProgress = async (progress: CheckProgress) => {
        seen.push(progress)
        if (progress.events === 1000) controller.abort(stopped)
      }
      const { signal } = controller
      assert.equal(await failure(payments.check(store, { onProgress, signal })), stopped)
      const [progress] = seen
      assert.equal(seen.length, 1)
      assert.deepEqual([progress?.events, progress?.result.events, progress?.result.failed], [1000, 1000, 5])

      const whole = await payments.check(store, { limit: 7 })
      const resume: CheckResult = JSON.parse(JSON.stringify(progress?.result))
      assert.deepEqual(await payments.check(store, { resume, limit: 7 }), whole)
      assert.deepEqual([whole.events, whole.failed, whole.stored[0]?.examples.length], [count, 12, 7])
      const again = await payments.check(store, { resume: whole, limit: 7 })
      assert.deepEqual(again, whole)

      const rest = await payments.check(store, { after: resume.position })
      assert.deepEqual([rest.events, rest.failed, rest.after, rest.unused], [1400, 7, resume.position, []])
      await refused(payments.check(store, { after: whole.position + 10 ** 9 }), 'log-truncated')
    },
  },
  {
    group,
    name: 'find each type and version with a sample of few events',
    async run({ open }) {
      const store = await open()
      const many = (amount: number) => stored('Refunded', { amount }, 1, 'many')
      await record(store, [
        ...range(1, 700).map(many),
        ...range(1, 3).map((cents) => stored('Paid', { cents })),
        ...range(1, 400).map(many),
        stored('Paid', { euros: 1 }, 2),
        stored('Unheard', {}, 1, 'b'),
        ...range(1, 700).map(many),
        ...range(1, 3).map((amount) => stored('Paid', { amount, currency: 'EUR' }, 3)),
        stored('Paid', { amount: 0, currency: 'EUR' }, 3),
        ...range(1, 200).map(many),
      ])
      let read = 0
      const counting: CheckableStore['raw'] = {
        async *readAll(options) {
          for await (const event of store.raw.readAll(options)) {
            read++
            yield event
          }
        },
      }
      const result = await payments.check({ raw: counting }, { sample: 2 })
      assert.ok(read < 150, `${read} of 2,009 events were read`)
      assert.equal(result.isSample, true)
      assert.equal(result.ok, false)
      assert.ok(result.events < 100, `${result.events} of 2,009 events were checked`)
      const found = result.stored.filter(({ isKnown }) => isKnown)
      assert.deepEqual(
        found.map(({ type, schemaVersion }) => `${type} ${schemaVersion}`),
        ['Paid 1', 'Paid 2', 'Paid 3', 'Refunded 1'],
      )
      assert.equal(found[2]?.failed, 1)
      // Old versions are not named, because a sample may have missed them.
      assert.deepEqual(result.unused, [
        { type: 'PaidAndNoted' },
        { type: 'PaidBack' },
        { type: 'Refund' },
        { type: 'Seen' },
      ])
      const all = await payments.check(store, { sample: 10_000 })
      assert.equal(all.events, 2009)
    },
  },
  {
    group,
    name: 'refuse wrong options, and a catalogue that only the compiler knows',
    async run({ open }) {
      const store = await open()
      const whole = await payments.check(store)
      const isInvalid = (work: Promise<unknown>, field: string) => refused(work, 'invalid-input', { field })
      await isInvalid(defineEvents<{ type: 'A'; data: object }>().check(store), 'catalogue')
      await isInvalid(payments.check({} as EventStore), 'store')
      await isInvalid(payments.check(store, { sample: 0 }), 'sample')
      await isInvalid(payments.check(store, { after: -1 }), 'after')
      await isInvalid(payments.check(store, { after: 1, resume: whole }), 'resume')
      await isInvalid(payments.check(store, { sample: 1, resume: whole }), 'resume')
      const sample = await payments.check(store, { sample: 1 })
      await isInvalid(payments.check(store, { resume: sample }), 'resume.isSample')
      const broken = { ...whole, stored: [{}] } as unknown as CheckResult
      await isInvalid(payments.check(store, { resume: broken }), 'resume.stored[0].type')
    },
  },
]
