/** A pooler that does not keep track of prepared statements, and a store that prepares them all the same. */
import { projection } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import postgres from 'postgres'
import { expect, inject, it } from 'vitest'
import { logOf } from '../../src/conformance/events.ts'
import { createDatabase } from '../database.ts'
import { startPgBouncer } from '../start-pgbouncer.ts'

it('every refused call names prepare: false, and every other one is made exactly once', async () => {
  const database = await createDatabase(inject('servers').postgres)
  const direct = postgresStore(database.url)
  await direct.schema.create()
  const pooler = await startPgBouncer(database.url, { tracksPrepared: false, poolSize: 3 })
  const stores = Array.from({ length: 4 }, () => postgresStore(pooler.url))
  let appended = 0
  const refusals: unknown[] = []
  const work = stores.map(async (store, number) => {
    for (let times = 1; times <= 30; times++) {
      const event = { type: 'Counted', data: { times } }
      await store.append(`stream-${number}`, [event]).then(
        () => appended++,
        (error: unknown) => refusals.push(error),
      )
    }
  })
  await Promise.all(work)
  expect(refusals.length).toBeGreaterThan(0)
  const refusal = { code: 'storage-failed', message: expect.stringContaining('prepare: false') }
  for (const error of refusals) expect(error).toMatchObject(refusal)
  expect(await logOf(direct)).toHaveLength(appended)
  for (const store of [direct, ...stores]) await store.close()
  await pooler.stop()
  await database.drop()
})

// The fault: postgres.js prepares its own `commit`. If the pooler did not know it, the driver sent it again, the server
// rolled back, and the driver reported a commit.
it.each([true, false])(
  'no transaction of postgres.js is acknowledged and rolled back, with prepare: %s',
  async (prepare) => {
    const database = await createDatabase(inject('servers').postgres)
    const inline = [
      projection({
        name: 'counts',
        key: ({ streamId }) => streamId,
        initialState: () => ({ count: 0 }),
        evolve: ({ count }) => ({ count: count + 1 }),
      }),
    ]
    const direct = postgresStore(database.url, { inline })
    await direct.schema.create()
    const pooler = await startPgBouncer(database.url, { tracksPrepared: false, poolSize: 3 })
    const clients = Array.from({ length: 6 }, () => postgres(pooler.url, { max: 2, fetch_types: false }))
    const acknowledged: string[] = []
    const work = clients.map(async (sql, number) => {
      const store = postgresStore(sql, { inline, retries: 2, prepare })
      for (let times = 1; times <= 60; times++) {
        const streamId = `stream-${number}-${times}`
        await store.append(streamId, [{ type: 'Counted', data: {} }]).then(
          () => acknowledged.push(streamId),
          () => {},
        )
      }
      await store.close()
    })
    await Promise.all(work)
    const recorded = new Set((await logOf(direct)).map(({ streamId }) => streamId))
    expect(acknowledged.filter((streamId) => !recorded.has(streamId))).toEqual([])
    // The store prepares nothing itself with prepare: false, so that the driver's own commit disturbs no call.
    if (prepare) expect(acknowledged.length).toBeGreaterThan(0)
    else expect(acknowledged).toHaveLength(360)
    for (const sql of clients) await sql.end({ timeout: 0 })
    await direct.close()
    await pooler.stop()
    await database.drop()
  },
)
