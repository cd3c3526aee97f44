/**
 * `notify: true` behind a pooler in transaction mode.
 *
 * The fault: `listen` succeeds there, on a connection that the pooler then gives to others. No notification ever
 * arrived, and the store did not say so.
 */
import { type PostgresStoreOptions, postgresStore } from '@eventsourced/core/postgres'
import { expect, inject, it } from 'vitest'
import { counted } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { createDatabase } from '../database.ts'
import { startPgBouncer } from '../start-pgbouncer.ts'

it('a store whose notifications do not arrive warns once, and one that hears them does not', async () => {
  const database = await createDatabase(inject('servers').postgres)
  const pooler = await startPgBouncer(database.url, { tracksPrepared: false })
  const codes = { pooled: [] as string[], direct: [] as string[] }
  const handled = { pooled: 0, direct: 0 }
  const options = (kind: 'pooled' | 'direct'): PostgresStoreOptions => ({
    prepare: false,
    notify: true,
    onWarning: ({ code }) => void codes[kind].push(code),
  })
  const pooled = postgresStore(pooler.url, options('pooled'))
  const direct = postgresStore(database.url, options('direct'))
  await direct.append('a', counted(1))
  pooled.subscribe({ name: 'first', handle: () => void handled.pooled++ })
  pooled.subscribe({ name: 'second', handle: () => {} })
  direct.subscribe({ name: 'third', handle: () => void handled.direct++ })
  while (!codes.pooled.includes('notifications-not-heard')) await sleep(50)
  await sleep(2_000)
  const aboutListening = (kind: 'pooled' | 'direct') => codes[kind].filter((code) => code !== 'fsync-off')
  expect(aboutListening('pooled')).toEqual(['notifications-not-heard'])
  expect(aboutListening('direct')).toEqual([])
  // Polling finds the events all the same.
  expect(handled).toEqual({ pooled: 1, direct: 1 })
  await pooled.close()
  await direct.close()
  await pooler.stop()
  await database.drop()
})
