/** Tests `onMetric`: it informs, and changes nothing. It gets the consumed capacity if the user asks for it. */
import type { CapacityMetric, Metric } from '@eventsourced/core'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { serviceError } from '../worlds/faulty-client.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'

const counted = (number: number) => [{ type: 'Counted', data: { number } }]

describe.each(oneEmulator)('metrics on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterEach(() => vi.restoreAllMocks())
  afterAll(() => ground?.end())

  const failing: Record<string, (metric: Metric) => void> = {
    throws: () => {
      throw new Error('on purpose')
    },
    'returns a promise that rejects': async () => {
      throw new Error('on purpose')
    },
    'returns a foreign promise that rejects': () => ({
      // biome-ignore lint/suspicious/noThenProperty: this is the case
      then: (_: unknown, reject: (error: Error) => void) => reject(new Error('on purpose')),
    }),
  }

  it.each(Object.keys(failing))('a callback that %s fails no append, and emits one warning', async (how) => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const unhandled: unknown[] = []
    const note = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', note)
    const { store, faults } = ground.open(ground.table(), { onMetric: failing[how], reportCapacity: true })
    let left = 2
    faults.before(({ command }) =>
      command === 'TransactWriteItems' && left-- > 0 ? serviceError('ThrottlingException') : undefined,
    )
    expect(await store.append('a', counted(1))).toMatchObject({ version: 1, deduplicated: false })
    expect((await store.readStream('a')).events.length).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
    expect(warnings.mock.calls).toEqual([
      [expect.stringContaining('on purpose'), { type: 'EventSourcedWarning', code: 'observer-failed' }],
    ])
  })

  it('reports the consumed capacity of each request and table', async () => {
    const capacities: CapacityMetric[] = []
    const onMetric = (metric: Metric) => {
      if (metric.kind === 'capacity') capacities.push(metric)
    }
    const table = ground.table()
    const { store } = ground.open(table, { onMetric, reportCapacity: true, compress: false })
    await store.append('a', counted(1))
    capacities.length = 0
    await store.append('a', counted(2))
    const sum = (which: 'readUnits' | 'writeUnits') =>
      capacities.reduce((total, capacity) => total + capacity[which], 0)
    expect(sum('writeUnits')).toBe(5)
    expect(new Set(capacities.map((capacity) => capacity.table))).toEqual(
      new Set([`${table}_events`, `${table}_log`]),
    )
    expect(capacities.map(({ command }) => command)).toContain('TransactWriteItems')
    capacities.length = 0
    await store.readStream('a')
    expect(sum('writeUnits')).toBe(0)
    expect(sum('readUnits')).toBeGreaterThan(0)
  })

  it('asks DynamoDB for the capacity only if the user does', async () => {
    const kinds: string[] = []
    const { store, faults } = ground.open(ground.table(), { onMetric: ({ kind }) => kinds.push(kind) })
    const asked: unknown[] = []
    faults.before(({ input }) => {
      asked.push(input.ReturnConsumedCapacity)
      return undefined
    })
    await store.append('a', counted(1))
    expect(new Set(asked)).toEqual(new Set([undefined]))
    expect(kinds).toEqual(['commit', 'append'])
  })

  it('refuses reportCapacity without a callback that gets it', () => {
    expect(() => dynamodbStore({ reportCapacity: true })).toThrow(/onMetric/)
  })
})
