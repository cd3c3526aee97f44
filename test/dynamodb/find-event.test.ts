/** Tests how an event is found by an id that the library made: by the time in the id, whatever the clocks of other writers. */
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import type { RecordedEvent } from '@eventsourced/core'
import type { DynamodbStore } from '@eventsourced/core/dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { slotKey } from '../../src/dynamodb/keys.ts'
import { collect } from '../program.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'
import { countUnits } from './units.ts'

const slots = 300
const minute = 60_000

describe.each(oneEmulator)('an event with an id of the library, on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  /** Appends one event for each slot. */
  async function filled() {
    const table = ground.table()
    const opened = ground.open(table)
    for (let number = 1; number <= slots; number++) {
      await opened.store.append(`s-${number % 9}`, [{ type: 'Counted', data: { number } }])
    }
    const log = await collect(opened.store.readAll())
    return { table, log, ...opened }
  }

  /** Sets the time at which a slot was written, as a process with another clock would have. */
  async function setWritten(table: string, slot: number, time: number): Promise<void> {
    await ground.admin.send(
      new UpdateItemCommand({
        TableName: `${table}_log`,
        Key: slotKey(slot),
        UpdateExpression: 'SET w = :time',
        ConditionExpression: 'attribute_exists(w)',
        ExpressionAttributeValues: { ':time': { N: String(time) } },
      }),
    )
  }

  const eventOf = (log: readonly RecordedEvent[], slot: number) => log[slot - 1] as RecordedEvent
  const find = (store: DynamodbStore, { id }: RecordedEvent) => store.raw.findEvent(id)

  it.each([minute, -minute])(
    'is found between slots of processes whose clocks differ by %i ms',
    async (difference) => {
      const { table, log, store } = await filled()
      const own = [1, 20, 150, 290, slots]
      for (let slot = 1; slot <= slots; slot++) {
        if (own.includes(slot)) continue
        await setWritten(table, slot, eventOf(log, slot).recordedAt.getTime() + difference)
      }
      // Another store, which remembers nothing of the log.
      const other = ground.open(table).store
      for (const slot of own) {
        expect(await find(store, eventOf(log, slot))).toEqual(eventOf(log, slot))
        expect(await find(other, eventOf(log, slot))).toEqual(eventOf(log, slot))
      }
    },
  )

  it('is found if its append took minutes, but not if a slot of its time lists it much later', async () => {
    const { table, log, store } = await filled()
    const event = eventOf(log, 150)
    const time = event.recordedAt.getTime()
    await setWritten(table, 150, time + 4 * minute)
    expect(await find(store, event)).toEqual(event)
    await setWritten(table, 150, time + 6 * minute)
    expect(await find(store, event)).toBeUndefined()
  })

  it('is found if the clock of its process was set back by minutes: its ids keep the time before', async () => {
    const { table, log, store } = await filled()
    const event = eventOf(log, 150)
    const time = event.recordedAt.getTime()
    await setWritten(table, 150, time - 4 * minute)
    expect(await find(store, event)).toEqual(event)
    await setWritten(table, 150, time - 6 * minute)
    expect(await find(store, event)).toBeUndefined()
  })

  it('is found in a few requests, and an id of another time is not searched in the whole log', async () => {
    const { table, log } = await filled()
    for (let slot = 1; slot <= slots; slot++) {
      // A day lies between two events.
      await setWritten(table, slot, eventOf(log, 150).recordedAt.getTime() + (slot - 150) * 1_440 * minute)
    }
    const { store, faults } = ground.open(table)
    await store.frontier()
    const units = countUnits(faults)
    expect(await find(store, eventOf(log, 150))).toEqual(eventOf(log, 150))
    expect(units.requests).toBeLessThan(30)
    units.requests = 0
    const unknown = eventOf(log, 150).id.replace(/.{12}$/, '000000000000')
    expect(await store.raw.findEvent(unknown)).toBeUndefined()
    expect(units.requests).toBeLessThan(60)
  })
})
