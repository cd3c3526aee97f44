/** Tests of `frontier()` on DynamoDB: a slot that was taken and has no events holds readers back. */
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counterKey } from '../../src/dynamodb/keys.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'

const one = [{ type: 'Counted', data: { number: 1 } }]

describe.each(oneEmulator)('the frontier on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  /** Takes a slot for one event and never uses it, as a process that dies in the middle of an append does. */
  const takeSlot = (table: string) =>
    ground.admin.send(
      new UpdateItemCommand({
        TableName: `${table}_log`,
        Key: counterKey,
        UpdateExpression: 'ADD n :one, c :one',
        ExpressionAttributeValues: { ':one': { N: '1' } },
      }),
    )

  it('stops before a slot that is taken, shows for how long, and continues when a reader has sealed it', async () => {
    const table = ground.table()
    const { store } = ground.open(table, { gapTimeout: 100 })
    await store.append('a', one)
    await takeSlot(table)
    await store.append('a', one)
    const opened = ground.open(table, { gapTimeout: 100 }).store

    for (const looking of [store, opened]) {
      const first = await looking.frontier()
      expect(first).toMatchObject({ position: 1, head: 3, last: { position: 3 }, writers: [{ slot: 2 }] })
      await sleep(30)
      const [writer] = (await looking.frontier()).writers
      expect(writer?.openTime).toBeGreaterThanOrEqual(29)
    }

    for await (const _ of store.readAll());
    for (const looking of [store, opened]) {
      expect(await looking.frontier()).toMatchObject({ position: 3, head: 3, writers: [] })
    }
  })

  it('takes one request while nothing is appended, and one more after appends', async () => {
    const table = ground.table()
    const { store, faults } = ground.open(table)
    for (let count = 0; count < 20; count++) await store.append('a', one)
    await store.frontier()
    const sent: string[] = []
    faults.before(({ command }) => {
      sent.push(command)
      return undefined
    })
    expect(await store.frontier()).toMatchObject({ position: 20, last: { position: 20 } })
    expect(sent).toEqual(['GetItem'])
    await store.append('a', one)
    sent.length = 0
    expect(await store.frontier()).toMatchObject({ position: 21, last: { position: 21 } })
    expect(sent).toEqual(['GetItem', 'Query'])
  })
})
