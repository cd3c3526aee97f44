/** The format of the tables: what docs/decisions/0030-stream-keys.md says about them. */
import { readFileSync } from 'node:fs'
import { postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase

beforeAll(async () => {
  database = await freshDatabase()
  const store = postgresStore(database.url)
  await store.schema.create()
  await store.close()
})

afterAll(() => database.drop())

/** The columns and storage parameters as `table.name`, the indexes and sequences by name. */
const catalogue = `
  with relations as (
    select c.* from pg_class c where c.relnamespace = 'eventsourced'::regnamespace
  )
  select c.relname || '.' || a.attname as name
  from relations c join pg_attribute a on a.attrelid = c.oid
  where c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
  union
  select c.relname || '.' || o.option_name
  from relations c cross join pg_options_to_table(c.reloptions) o
  where c.relkind in ('r', 'i')
  union
  select c.relname from relations c where c.relkind in ('i', 'S')`

/**
 * Returns the names in the first cells of the page's tables. A name without a dot belongs to the table that the cell
 * named before it, or is that of an index or a sequence.
 */
function explained(page: string, indexesAndSequences: ReadonlySet<string>): string[] {
  return page.split('\n').flatMap((line) => {
    const cell = /^\| ((?!no ).*?`.*?) \|/.exec(line)?.[1] ?? ''
    let table = ''
    return [...cell.matchAll(/`([\w.]+)`/g)].map(([, name = '']) => {
      if (indexesAndSequences.has(name)) return name
      if (name.includes('.')) table = name.slice(0, name.indexOf('.'))
      return name.includes('.') ? name : `${table}.${name}`
    })
  })
}

it('the decision on the format has a reason for each column, index, sequence and storage parameter', async () => {
  const names = (await database.query<{ name: string }>(catalogue)).map(({ name }) => name)
  const page = readFileSync('docs/decisions/0030-stream-keys.md', 'utf8')
  const reasons = explained(page, new Set(names.filter((name) => !name.includes('.'))))
  expect(reasons.toSorted()).toEqual(names.toSorted())
})

it('the tables have the storage parameters that their rates of updates and inserts need', async () => {
  const rows = await database.query<{ table: string; options: readonly string[] }>(
    `select relname as table, reloptions as options from pg_class
     where relnamespace = 'eventsourced'::regnamespace and reloptions is not null`,
  )
  expect(Object.fromEntries(rows.map(({ table, options }) => [table, options]))).toEqual({
    streams: ['fillfactor=80'],
    events: [
      'autovacuum_vacuum_insert_scale_factor=0',
      'autovacuum_vacuum_insert_threshold=500000',
      'autovacuum_freeze_min_age=0',
    ],
    documents: ['fillfactor=85'],
    checkpoints: ['fillfactor=50'],
    workers: ['fillfactor=50'],
    subscriptions: ['fillfactor=80'],
  })
})
