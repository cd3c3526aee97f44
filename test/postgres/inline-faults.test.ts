/** An inline projection that fails, in any way, makes the whole append fail: no event, no document and no row remains. */
import { projection, type RecordedEvent } from '@eventsourced/core'
import { type PostgresStore, postgresStore, type SqlTransaction } from '@eventsourced/core/postgres'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { collect, everything, range } from '../../src/conformance/events.ts'
import { failure } from '../../src/conformance/expect.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { rounds } from '../rounds.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

interface Data {
  readonly fault?: string
  readonly name: string
}

let database: FreshDatabase
let store: PostgresStore
/** How many more times a fault happens. After that, all calls succeed. */
let faultsLeft = 0
let calls = 0

const perStream = projection({
  name: 'per-stream',
  key: ({ streamId }: RecordedEvent) => streamId,
  initialState: () => 0,
  evolve: (count: number) => count + 1,
})

const rows = projection({
  name: 'rows',
  async handle(events: readonly RecordedEvent[], tx: SqlTransaction) {
    calls++
    for (const { data } of events as readonly RecordedEvent<{ type: string; data: Data }>[]) {
      await tx.query('insert into own_rows values ($1)', [data.name])
      await tx.documents('by-hand').put(data.name, { seen: true })
      if (data.fault !== undefined && faultsLeft-- > 0) await faults[data.fault]?.(tx, data)
    }
  },
})

type Fault = (tx: SqlTransaction, data: Data) => Promise<unknown>

const faults: Readonly<Record<string, Fault>> = {
  'throws an error': async () => {
    throw new RangeError('too much')
  },
  'throws a value that is no Error': () => Promise.reject('no reason'),
  'breaks a primary key': (tx, { name }) => tx.query('insert into own_rows values ($1)', [name]),
  'breaks a check': (tx) => tx.query(`insert into own_rows values ('')`, []),
  'is cancelled': (tx) => tx.query('select pg_cancel_backend(pg_backend_pid()), pg_sleep(1)', []),
  'loses its connection': (tx) => tx.query('select pg_terminate_backend(pg_backend_pid()), pg_sleep(1)', []),
  deadlocks: async (tx) => {
    const rival = await database.session('rival')
    await rival.query('begin; select from two where id = 2 for update')
    await tx.query('select from two where id = 1 for update', [])
    const rivals = rival.query('set deadlock_timeout = 100000; select from two where id = 1 for update')
    // Postgres ends the transaction that detects the deadlock. The rival must wait first, so that this one detects it.
    const waiting = `select from pg_stat_activity where application_name = 'rival' and wait_event_type = 'Lock'`
    while ((await database.query(waiting)).length === 0) await sleep(1)
    try {
      await tx.query('select from two where id = 2 for update', [])
    } finally {
      rivals.then(() => rival.query('rollback')).catch(() => {})
    }
  },
}

beforeAll(async () => {
  database = await freshDatabase()
  await database.query(`
    create table own_rows (name text primary key check (name <> ''));
    create table two (id int primary key);
    insert into two values (1), (2)`)
  await database.query(
    `alter database ${new URL(database.url).pathname.slice(1)} set deadlock_timeout = '10ms'`,
  )
  store = postgresStore(database.url, { inline: [perStream, rows], retries: 3 })
  await store.schema.create()
  await store.append('a', [{ type: 'Noted', data: { name: 'first' } }])
})

afterAll(async () => {
  await store.close()
  await database.drop()
})

afterEach(() => {
  faultsLeft = 0
})

async function all(): Promise<unknown> {
  return {
    log: await everything(store),
    documents: await collect(store.view(perStream).list()),
    byHand: await collect(store.view('by-hand').list()),
    rows: await database.query('select * from own_rows order by name'),
  }
}

const event = (name: string, fault?: string) => ({ type: 'Noted', data: { name, ...(fault && { fault }) } })

it.each(Object.keys(faults))(
  'an inline projection that %s leaves nothing of its append',
  async (fault) => {
    const before = await all()
    for (const round of range(1, 5 * rounds)) {
      faultsLeft = 1_000
      const events = [event(`${fault} ${round}`), event(`${fault} ${round} more`, fault)]
      const error = await failure(
        round % 2 === 0
          ? store.append(round % 4 === 0 ? 'a' : `new ${round}`, events)
          : store.appendAll([
              { streamId: 'a', events: [event(`${fault} ${round} beside`)] },
              { streamId: `new ${round}`, events },
            ]),
      )
      expect(error).toBeDefined()
    }
    faultsLeft = 0
    expect(await all()).toEqual(before)
  },
  60_000 * rounds,
)

it.each(['loses its connection', 'deadlocks'])(
  'an inline projection that %s once is retried, and takes effect once',
  async (fault) => {
    for (const round of range(1, 5 * rounds)) {
      faultsLeft = 1
      calls = 0
      const name = `${fault}, transient ${round}`
      expect(await store.append(name, [event(name, fault)])).toMatchObject({
        version: 1,
        deduplicated: false,
      })
      expect(calls).toBe(2)
      expect(await store.view(perStream).get(name)).toMatchObject({ state: 1 })
      expect(await database.query('select from own_rows where name = $1', [name])).toHaveLength(1)
    }
  },
  60_000 * rounds,
)

it.each(Object.keys(faults))(
  'an inline projection that %s fails its own append, and no concurrent one',
  async (fault) => {
    faultsLeft = 1_000
    const appends = range(1, 8).map((number) => {
      const name = `${fault} among others ${number}`
      return store.append(name, [event(name, number === 4 ? fault : undefined)])
    })
    const settled = await Promise.allSettled(appends)
    // A lost connection fails all appends that share the transaction.
    const isShared = ['loses its connection', 'deadlocks'].includes(fault)
    const failed = settled.flatMap(({ status }, index) => (status === 'rejected' ? [index + 1] : []))
    expect(failed).toContain(4)
    if (!isShared) expect(failed).toEqual([4])
    for (const number of range(1, 8)) {
      const name = `${fault} among others ${number}`
      const isThere = !failed.includes(number)
      expect((await store.readStream(name)).exists, name).toBe(isThere)
      expect((await store.view(perStream).get(name)) !== undefined, name).toBe(isThere)
      expect(await database.query('select from own_rows where name = $1', [name])).toHaveLength(
        isThere ? 1 : 0,
      )
    }
  },
)
