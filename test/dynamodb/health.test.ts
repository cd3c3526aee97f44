/** What health costs on DynamoDB, and how Prometheus counts what `onMetric` reports. */
import { health } from '@eventsourced/core/health'
import { prometheus } from '@eventsourced/core/prometheus'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseMetrics } from '../prometheus/parse.ts'
import { serviceError } from '../worlds/faulty-client.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'

const one = [{ type: 'Counted', data: { number: 1 } }]
const fresh = { maxAge: 0 }

describe.each(oneEmulator)('health on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  it('costs one request for the log, and a few for each subscription', async () => {
    const { store, faults } = ground.open(ground.table())
    await store.append('a', one)
    let sent = 0
    faults.before(() => {
      sent++
      return undefined
    })
    const costOf = async (options: Parameters<typeof health>[1]) => {
      await health(store, options)
      sent = 0
      await health(store, options)
      return sent
    }
    expect(await costOf({ ...fresh, subscriptions: [] })).toBe(1)
    for (const subscription of ['a', 'b']) await store.runOnce({ name: subscription, handle: () => {} })
    const costs = [
      await costOf({ ...fresh, subscriptions: ['a'] }),
      await costOf({ ...fresh, subscriptions: ['a', 'b'] }),
      await costOf(fresh),
    ]
    // The list of all subscriptions has 8 shards, and each is read to its end.
    expect(costs).toEqual([8, 15, 27])
  })

  it('fails when requests fail, and is ok when they succeed again', async () => {
    const { store, faults } = ground.open(ground.table(), { retries: 0 })
    await store.append('a', one)
    let isBroken = true
    faults.before(() => (isBroken ? serviceError('InternalServerError') : undefined))
    expect(await health(store, fresh)).toMatchObject({ status: 'failed', checks: [{ name: 'database' }] })
    isBroken = false
    expect((await health(store, fresh)).status).toBe('ok')
  })

  it('reports incidents and capacity to Prometheus', async () => {
    const metrics = prometheus()
    const table = ground.table()
    const { store, faults } = ground.open(table, { onMetric: metrics.measure, reportCapacity: true })
    await store.append('a', one)
    let left = 2
    faults.before(({ command }) =>
      command === 'TransactWriteItems' && left-- > 0 ? serviceError('ThrottlingException') : undefined,
    )
    await store.append('a', one)
    const parsed = parseMetrics(await metrics.text(store))
    const samples = (family: string) =>
      parsed.find((one) => one.name === `eventsourced_${family}`)?.samples ?? []
    expect(samples('incidents_total')).toMatchObject([{ labels: { kind: 'throttle' }, value: 2 }])
    expect(new Set(samples('dynamodb_capacity_units_total').map(({ labels }) => labels.table))).toEqual(
      new Set([`${table}_events`, `${table}_log`]),
    )
    expect(samples('frontier_position')).toMatchObject([{ value: 2 }])
  })
})
