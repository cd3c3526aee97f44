/** Measures what each row of the table of write units in docs/dynamodb.md says, and compares the two. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { commandHandler, projection, type RecordedEvent } from '@eventsourced/core'
import type { DynamodbStoreOptions } from '@eventsourced/core/dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { range } from '../../src/conformance/events.ts'
import { emulators, type Ground, startGround } from './ground.ts'
import { countUnits } from './units.ts'

const page = readFileSync(new URL('../../docs/dynamodb.md', import.meta.url), 'utf8')
const dollarsPerMillion = 0.625

/** The rows of the table, without its head: the operation, and the numbers of its other cells. */
const rows = (page.split('| operation | write units | per million |')[1] as string)
  .split('\n\n', 1)
  .join()
  .split('\n')
  .slice(2)
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, operation = '', units = '', dollars = '']) => ({ operation, units, dollars }))

const events = (count: number) =>
  range(1, count).map(() => ({
    type: 'OrderPlaced',
    data: { filler: randomBytes(500).toString('base64').slice(0, 488) },
  }))

const document = projection({
  name: 'orders',
  key: ({ streamId }: RecordedEvent) => streamId,
  initialState: () => ({}),
  evolve: () => ({ filler: 'x'.repeat(850) }),
})

describe.runIf(emulators.includes('dynoxide'))('the table of write units', () => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround('dynoxide')
  })
  afterAll(() => ground?.end())

  type Store = ReturnType<Ground['open']>['store']
  /** The write units of `work` on a store whose stream `a` has one event. */
  async function writesOf(work: (store: Store) => Promise<unknown>, options: DynamodbStoreOptions = {}) {
    const { store, faults } = ground.open(ground.table(), { compress: false, ...options })
    await store.append('a', events(1))
    await store.readStream('a')
    const units = countUnits(faults)
    await work(store)
    return units.writes
  }
  const append = (count: number) => (store: Store) => store.append('a', events(count))
  const command = (count: number) => (store: Store) => {
    const decider = {
      initialState: () => 0,
      evolve: (state: number) => state + 1,
      decide: () => events(count),
    }
    return commandHandler({ store, decider })('a', {}, { commandId: 'pay-1' })
  }
  const withId = async (store: Store) =>
    store.append('a', [{ ...events(1)[0], id: crypto.randomUUID() } as never])

  /** By the operation: what the second cell must begin with. */
  const measures: Readonly<Record<string, () => Promise<readonly number[]>>> = {
    'append of 1 event of 500 B': async () => [await writesOf(append(1))],
    '… by 16 concurrent callers': async () => {
      const callers = range(1, 16).map((caller) => `order-${caller}`)
      const together = (store: Store) =>
        Promise.all(callers.map((streamId) => store.append(streamId, events(1))))
      const both = await writesOf((store) => together(store).then(() => together(store)))
      return [Math.round((both / 32) * 10) / 10]
    },
    '… to a new stream': async () => [
      await writesOf((store) => store.append('b', events(1))),
      await writesOf((store) => store.append('b', events(1), { expectedVersion: 'noStream' })),
    ],
    'append of 10 events of 500 B, not compressed': async () => [await writesOf(append(10))],
    'each event with an id from you': async () => [(await writesOf(withId)) - (await writesOf(append(1)))],
    'a command with a `commandId`: the ids of up to 16 events': async () => [
      (await writesOf(command(1))) - (await writesOf(append(1))),
    ],
    '… by a command with a `commandId`': async () => [await writesOf(command(10))],
    'each KB of an inline document': async () => [
      (await writesOf(append(1), { inline: [document] })) - (await writesOf(append(1))),
    ],
    'a conflict that is found by a read': async () => [
      await writesOf((store) => store.append('a', events(1), { expectedVersion: 7 }).catch(() => {})),
    ],
  }

  it.each(Object.entries(measures))('says what is measured: %s', async (operation, measure) => {
    const row = rows.find((one) => one.operation === operation)
    const measured = await measure()
    const said = (text: string | undefined) => (text?.match(/\d+(\.\d+)?/g) ?? []).map(Number)
    expect(said(row?.units).slice(0, measured.length)).toEqual(measured)
    if (row?.dollars === '') return
    const dollars = measured.map((units) => units * dollarsPerMillion)
    expect(said(row?.dollars).map((one, nth) => Math.abs(one - (dollars[nth] as number)) <= 0.0051)).toEqual(
      measured.map(() => true),
    )
  })

  it('has no other rows than those, the import, and the conflict that a transaction finds', () => {
    const others = rows.map(({ operation }) => operation).filter((operation) => !(operation in measures))
    expect(others.map((operation) => operation.slice(0, 30))).toEqual([
      'an import with a `name`: the i',
      'a conflict that is found by th',
    ])
  })
})
