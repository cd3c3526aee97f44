/**
 * The question whether a server process still works on a statement. Behind a pooler the process serves other clients
 * after the transaction: the question must not end what such a client does there.
 */
import type pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  processStateParameters,
  processStateQuery,
  transactionProcessQuery,
} from '../../src/postgres/silence.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase
let session: pg.Client
beforeEach(async () => {
  database = await freshDatabase()
  session = await database.session()
})
afterEach(() => database.drop())

async function begin() {
  const results = (await session.query(`begin; ${transactionProcessQuery}`)) as unknown as pg.QueryResult[]
  const { pid, transaction_start: transactionStart } = results[1]?.rows[0] ?? {}
  return { pid: Number(pid), transactionStart: String(transactionStart) }
}

const ask = (process: { readonly pid: number; readonly transactionStart: string }) =>
  database.query(processStateQuery, processStateParameters(process, false))

it('a process that works on a statement of the transaction is found, and stays', async () => {
  const process = await begin()
  const work = session.query('select pg_sleep(1)')
  while (!(await isActive(process.pid)));
  expect(await ask(process)).toEqual([{ working: 'true', ended: null, cancelled: null }])
  await work
})

// The fault: a statement ended while the question was on its way, and the question ended a healthy transaction before
// its next statement.
it('a process that has just answered stays', async () => {
  const process = await begin()
  await session.query('select 1')
  expect(await ask(process)).toEqual([{ working: 'true', ended: null, cancelled: null }])
  await session.query('commit')
})

it('a process whose transaction waits for its client is ended', async () => {
  const process = await begin()
  await sleep(600)
  expect(await ask(process)).toEqual([{ working: 'false', ended: 'true', cancelled: null }])
  await expect(session.query('commit')).rejects.toThrow()
})

it('a process that has begun the transaction of another client stays', async () => {
  const former = await begin()
  await session.query('commit')
  expect(await ask(former)).toEqual([])
  await begin()
  expect(await ask(former)).toEqual([])
  expect((await session.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

async function isActive(pid: number): Promise<boolean> {
  const rows = await database.query('select from pg_stat_activity where pid = $1 and state = $2', [
    pid,
    'active',
  ])
  return rows.length > 0
}
