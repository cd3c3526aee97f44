/** What Prometheus reads: the text format, the counters, the histograms, and the gauges of health. */
import { InvalidInputError, memoryStore } from '@eventsourced/core'
import { type Prometheus, prometheus } from '@eventsourced/core/prometheus'
import { expect, it, onTestFinished, vi } from 'vitest'
import { counted } from '../../src/conformance/events.ts'
import { families } from '../../src/prometheus/families.ts'
import { type ParsedFamily, parseMetrics } from './parse.ts'
import { hasPromtool, promtool } from './promtool.ts'
import { everyFact, storeWithSubscription } from './samples.ts'

function withEveryFact(): Prometheus {
  const metrics = prometheus()
  for (const fact of everyFact) metrics.measure(fact)
  return metrics
}

function samplesOf(parsed: readonly ParsedFamily[], name: string): Record<string, number> {
  const family = parsed.find((one) => one.name === `eventsourced_${name}`)
  return Object.fromEntries(
    (family?.samples ?? []).map((sample) => [
      [sample.name.replace(`eventsourced_${name}`, ''), ...Object.values(sample.labels)]
        .filter(Boolean)
        .join(' '),
      sample.value,
    ]),
  )
}

it('counts each kind of fact', async () => {
  const parsed = parseMetrics(await withEveryFact().text())
  expect(samplesOf(parsed, 'appended_events_total')).toEqual({ '': 3 })
  expect(samplesOf(parsed, 'committed_appends_total')).toEqual({ '': 5 })
  expect(samplesOf(parsed, 'read_events_total')).toEqual({ '': 10 })
  expect(samplesOf(parsed, 'command_retries_total')).toEqual({ '': 2 })
  expect(samplesOf(parsed, 'handled_events_total')).toEqual({ mailer: 7 })
  expect(samplesOf(parsed, 'parked_total')).toEqual({ mailer: 1 })
  expect(samplesOf(parsed, 'incidents_total')).toEqual({
    ...{ retry: 1, throttle: 1, conflict: 1, credentials: 1, seal: 1, late: 1 },
  })
  expect(samplesOf(parsed, 'dynamodb_capacity_units_total')).toEqual({
    ...{ 'shop_log UpdateItem write': 1.5, 'shop_log GetItem read': 0.5 },
  })
  expect(samplesOf(parsed, 'subscription_lag_positions')).toEqual({ mailer: 40 })
  expect(samplesOf(parsed, 'subscription_lag_seconds')).toEqual({ mailer: 2.5 })
})

it('puts durations into buckets of seconds, by outcome', async () => {
  const metrics = prometheus({ buckets: [0.01, 1] })
  for (const duration of [4, 10, 11, 5_000]) {
    metrics.measure({ kind: 'append', events: 1, streams: 1, duration, outcome: 'appended' })
  }
  metrics.measure({ kind: 'append', events: 1, streams: 1, duration: 1, outcome: 'failed' })
  const samples = samplesOf(parseMetrics(await metrics.text()), 'append_duration_seconds')
  expect(samples).toEqual({
    ...{ '_bucket appended 0.01': 2, '_bucket appended 1.0': 3, '_bucket appended +Inf': 4 },
    ...{ '_sum appended': expect.closeTo(5.025), '_count appended': 4 },
    ...{ '_bucket failed 0.01': 1, '_bucket failed 1.0': 1, '_bucket failed +Inf': 1 },
    ...{ '_sum failed': 0.001, '_count failed': 1 },
  })
})

it('adds the health of a store, and takes the lag of all workers from it', async () => {
  const store = await storeWithSubscription()
  const { position } = await store.append('a', counted(2))
  await store.subscriptions.pause('mailer')
  const parsed = parseMetrics(await withEveryFact().text(store))
  expect(samplesOf(parsed, 'up')).toEqual({ '': 1 })
  expect(samplesOf(parsed, 'frontier_position')).toEqual({ '': position })
  expect(samplesOf(parsed, 'head_position')).toEqual({ '': position })
  expect(samplesOf(parsed, 'frontier_held_seconds')).toEqual({ '': 0 })
  expect(samplesOf(parsed, 'subscription_lag_positions')).toEqual({ mailer: 2 })
  expect(samplesOf(parsed, 'subscription_partitions')).toEqual({ mailer: 1 })
  expect(samplesOf(parsed, 'subscription_unowned_partitions')).toEqual({ mailer: 1 })
  expect(samplesOf(parsed, 'subscription_paused')).toEqual({ mailer: 1 })
  const recorded = samplesOf(parsed, 'last_append_timestamp_seconds')['']
  expect(Math.abs(Number(recorded) - Date.now() / 1_000)).toBeLessThan(60)
})

it('has every family if all facts and the health of a store are given', async () => {
  const parsed = parseMetrics(await withEveryFact().text(await storeWithSubscription()))
  expect(parsed.map(({ name }) => name)).toEqual(Object.keys(families).map((name) => `eventsourced_${name}`))
})

it('says that the store is down when it does not answer, and keeps the counters', async () => {
  const store = await storeWithSubscription()
  await store.close()
  const parsed = parseMetrics(await withEveryFact().text(store))
  expect(samplesOf(parsed, 'up')).toEqual({ '': 0 })
  expect(samplesOf(parsed, 'appended_events_total')).toEqual({ '': 3 })
  expect(samplesOf(parsed, 'frontier_position')).toEqual({})
})

it('has the lag of this process only while its workers report it, and never beside the health of all workers', async () => {
  const metrics = withEveryFact()
  const lagIn = async (...given: Parameters<Prometheus['text']>) =>
    samplesOf(parseMetrics(await metrics.text(...given)), 'subscription_lag_positions')
  const store = await storeWithSubscription()
  expect(await lagIn()).toEqual({ mailer: 40 })
  expect(await lagIn(store, { subscriptions: [] })).toEqual({ mailer: 40 })
  expect(await lagIn(store)).toEqual({ mailer: 0 })
  await store.close()
  expect(await lagIn(store, { maxAge: 0 })).toEqual({})
  const later = performance.now() + 11_000
  const now = vi.spyOn(performance, 'now').mockImplementation(() => later)
  onTestFinished(() => now.mockRestore())
  expect(await lagIn()).toEqual({})
})

it('shows a subscription that was never registered as one without a worker, and with no lag of 0', async () => {
  const parsed = parseMetrics(await prometheus().text(memoryStore(), { subscriptions: ['absent'] }))
  expect(samplesOf(parsed, 'subscription_unowned_partitions')).toEqual({ absent: 1 })
  expect(samplesOf(parsed, 'subscription_lag_seconds')).toEqual({})
})

it('escapes what a name may contain', async () => {
  const metrics = prometheus()
  const names = ['"quoted"', 'back\\slash', 'line\nbreak', '\\n', 'ü 🦊', 'a,b="c"}']
  for (const subscription of names) metrics.measure({ kind: 'park', subscription, position: 1 })
  const [family] = parseMetrics(await metrics.text())
  expect(family?.samples.map(({ labels }) => labels.subscription)).toEqual(names)
})

it('never has a series for a stream, an event or a key of a request', async () => {
  const metrics = prometheus()
  for (let number = 0; number < 1_000; number++) {
    metrics.measure({ kind: 'park', subscription: 'mailer', position: number })
    metrics.measure({
      kind: 'retry',
      table: '',
      key: `order-${number}`,
      reason: `${number}`,
      attempt: number,
    })
    const capacity = {
      kind: 'capacity',
      table: 't',
      command: 'PutItem',
      readUnits: 0,
      writeUnits: 1,
    } as const
    metrics.measure({ ...capacity, key: `order-${number}` })
  }
  expect((await metrics.text()).split('\n').length).toBe(10)
})

it('ignores a kind of fact that it does not know', async () => {
  const metrics = prometheus()
  metrics.measure({ kind: 'later' } as never)
  expect(await metrics.text()).toBe('')
})

it.skipIf(!hasPromtool)('passes the check of promtool, with no remark', async () => {
  const metrics = withEveryFact()
  metrics.measure({ kind: 'park', subscription: 'a "b" \\ \n ü', position: 1 })
  const input = await metrics.text(await storeWithSubscription())
  expect(promtool(['check', 'metrics'], input)).toBe('')
})

it('answers scrapes with the text format, or with OpenMetrics if Prometheus asks for it', async () => {
  const scrape = withEveryFact().handler(await storeWithSubscription())
  const text = await scrape(new Request('http://localhost/metrics'))
  expect(text.headers.get('Content-Type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const families = parseMetrics(await text.text())

  const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3'
  const open = await scrape(new Request('http://localhost/metrics', { headers: { accept } }))
  expect(open.headers.get('Content-Type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
  const parsed = parseMetrics(await open.text(), 'openmetrics')
  expect(parsed.map(({ name }) => name)).toEqual(families.map(({ name }) => name.replace(/_total$/, '')))

  const head = await scrape(new Request('http://localhost/metrics', { method: 'HEAD' }))
  expect([head.status, await head.text()]).toEqual([200, ''])
  expect((await scrape(new Request('http://localhost/metrics', { method: 'POST' }))).status).toBe(405)
})

it('has the prefix of its option', async () => {
  const metrics = prometheus({ prefix: 'shop_' })
  metrics.measure({ kind: 'park', subscription: 'mailer', position: 1 })
  expect(parseMetrics(await metrics.text())[0]?.name).toBe('shop_parked_total')
})

it.each([
  ['prefix', { prefix: '' }],
  ['prefix', { prefix: '1a' }],
  ['prefix', { prefix: 'a-b' }],
  ['prefix', { prefix: 5 }],
  ['buckets', { buckets: [] }],
  ['buckets', { buckets: [1, 1] }],
  ['buckets', { buckets: [0, 1] }],
  ['buckets', { buckets: [1, Number.POSITIVE_INFINITY] }],
  ['buckets', { buckets: '1' }],
])('refuses a wrong %s', (field, options) => {
  expect(() => prometheus(options as never)).toThrow(InvalidInputError)
  expect(() => prometheus(options as never)).toThrow(field)
})

it('refuses wrong options of health when the handler is made', () => {
  expect(() => prometheus().handler(memoryStore(), { timeout: 0 })).toThrow(InvalidInputError)
})
