/** The audit trail while the tables are locked, and for a role that may only read. */
import type { NewAuditEntry } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { collect } from '../../src/conformance/events.ts'
import { refused } from '../../src/conformance/expect.ts'
import { type ApplicationRole, createApplicationRole } from '../application-role.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const entry: NewAuditEntry = { actor: 'ada', action: 'subscriptions.pause', target: 'a', outcome: 'done' }

let database: FreshDatabase
let role: ApplicationRole

beforeAll(async () => {
  database = await freshDatabase()
  role = await createApplicationRole(database.url)
  await role.createTables('eventsourced')
})

afterAll(async () => {
  await database.drop()
  await role.drop(inject('servers').postgres)
})

it('an entry that cannot be written ends with the timeout of the store, and not with the lock', async () => {
  const store = postgresStore(role.url, { timeout: 300 })
  const first = await store.audit.record(entry)
  const holder = await database.session('holder')
  await holder.query('begin')
  await holder.query('lock table eventsourced.documents in exclusive mode')
  const begun = performance.now()
  const error = await refused(store.audit.record(entry), 'store-unavailable')
  expect(error.message).toContain('Recording an audit entry')
  const took = performance.now() - begun
  expect(took).toBeGreaterThan(250)
  expect(took).toBeLessThan(3_000)
  await holder.query('rollback')
  // The outcome of the second one is unknown: its statement may still run.
  const last = await store.audit.record(entry)
  const entries = await collect(store.audit.list())
  expect([entries[0], entries.at(-1)]).toEqual([last, first])
  await store.close()
})

it('a role that may only read is refused, and records nothing', async () => {
  const reader = `reader_${role.name}`.slice(0, 63)
  await database.query(`create role ${reader} login password 'secret';
    grant usage on schema eventsourced to ${reader};
    grant select on all tables in schema eventsourced to ${reader}`)
  const url = new URL(role.url)
  url.username = reader
  const store = postgresStore(url.href)
  const before = await database.query('select count(*) from eventsourced.documents')
  await refused(store.audit.record(entry), 'missing-privileges')
  expect(await database.query('select count(*) from eventsourced.documents')).toEqual(before)
  await store.close()
  await database.query(`drop owned by ${reader}; drop role ${reader}`)
})

it('entries are readable by SQL, in the view of documents', async () => {
  const store = postgresStore(role.url)
  await store.audit.record({ ...entry, target: 'by sql', details: { count: 1 } })
  const rows = await database.query<{ state: object }>(
    `select state from eventsourced.views where projection = '$audit' order by key collate "C" limit 1`,
  )
  expect(rows).toEqual([{ state: { ...entry, target: 'by sql', details: { count: 1 } } }])
  await store.close()
})
