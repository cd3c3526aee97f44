/** A pooler that does not keep track of prepared statements, and a store that prepares them all the same. */
import { postgresStore } from '@eventsourced/core/postgres'
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
