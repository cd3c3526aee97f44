/** Errors of the user's own SQL in the transactions of appends and subscriptions. */
import { projection, type RecordedEvent } from '@eventsourced/core'
import { type PostgresStore, postgresStore, type SqlTransaction } from '@eventsourced/core/postgres'
import pg from 'pg'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collect, counted, range } from '../../src/conformance/events.ts'
import { connections } from './connections.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase
let store: PostgresStore

/** Inserts each stream into a table that admits it once. `onError` handles the error of a second insert. */
const noting = (onError: (error: unknown) => void) =>
  projection({
    name: 'noting',
    async handle(events: readonly RecordedEvent[], tx: SqlTransaction) {
      for (const { streamId } of events) {
        await tx.query('insert into noted values ($1)', [streamId]).catch(onError)
      }
    },
  })

const rethrow = (error: unknown) => {
  throw error
}

async function open(onError: (error: unknown) => void): Promise<void> {
  store = postgresStore(database.url, { inline: [noting(onError)] })
  await store.schema.create()
}

beforeEach(async () => {
  database = await freshDatabase()
  await database.query('create table noted (stream_id text primary key deferrable initially immediate)')
})

afterEach(async () => {
  await store.close()
  await database.drop()
})

describe('a raw inline projection', () => {
  it('writes with the append, and its unique violation is neither a conflict nor a repeat', async () => {
    await open(rethrow)
    await store.append('a', counted(1))
    await expect(store.append('a', counted(1))).rejects.toMatchObject({ code: '23505' })
    expect((await store.readStream('a')).version).toBe(1)
    expect(await database.query('select * from noted')).toEqual([{ stream_id: 'a' }])
  })

  it('that catches its own SQL error has aborted the transaction, and the append fails', async () => {
    await open(() => {})
    await store.append('a', counted(1))
    await expect(store.append('a', counted(1))).rejects.toMatchObject({ code: '23505' })
    await expect(
      store.appendAll([
        { streamId: 'a', events: counted(1) },
        { streamId: 'b', events: counted(1) },
      ]),
    ).rejects.toThrow()
    await expect(
      store.import([{ ...counted(1)[0], streamId: 'a' } as never], { name: 'x' }),
    ).rejects.toThrow()
    expect((await store.readStream('a')).version).toBe(1)
    expect((await store.readStream('b')).exists).toBe(false)
    await store.append('c', counted(1))
    expect((await store.readStream('c')).version).toBe(1)
  })

  it('that breaks a deferred constraint fails its append, and no concurrent one', async () => {
    await open(rethrow)
    await database.query('alter table noted drop constraint noted_pkey')
    await database.query('alter table noted add unique (stream_id) deferrable initially deferred')
    const settled = await Promise.allSettled(
      range(1, 30).map((number) => store.append(`s${number % 15}`, counted(1))),
    )
    expect(settled.filter(({ status }) => status === 'fulfilled').length).toBe(15)
    expect((await collect(store.readAll())).length).toBe(15)
    expect((await database.query('select * from noted')).length).toBe(15)
  })

  // Fault: the time for which the store waits for a document also bound the SQL that the projection ran after it.
  it('keeps the lock_timeout of its session, also after it has locked a document', async () => {
    const seen: unknown[] = []
    const looking = projection({
      name: 'looking',
      async handle(_: readonly RecordedEvent[], tx: SqlTransaction) {
        seen.push(...(await tx.query('show lock_timeout')))
        await tx.documents('notes').put('note', {})
        seen.push(...(await tx.query('show lock_timeout')))
      },
    })
    store = postgresStore(`${database.url}?options=-c%20lock_timeout%3D7s`, { inline: [looking] })
    await store.append('a', counted(1))
    expect(seen).toEqual([{ lock_timeout: '7s' }, { lock_timeout: '7s' }])
  })

  // Fault: after a second the append failed, and with it the user's transaction.
  it('waits in your own transaction for a stream and for another append as long as its lock_timeout allows', async () => {
    await open(rethrow)
    await store.append('a', counted(1))
    const [own, other] = [await database.session(), await database.session()]
    await other.query('begin')
    await store.inTransaction(other).append('b', counted(1))
    await own.query('begin')
    const waiting = store.inTransaction(own).append('c', counted(1))
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await other.query('commit')
    expect(await waiting).toMatchObject({ version: 1 })
    await other.query(`begin`)
    await other.query(
      `insert into eventsourced.streams (stream_key, stream_id, version, created_at) values (0, 'd', 0, now())`,
    )
    const next = store.inTransaction(own).append('d', counted(1))
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await other.query('rollback')
    expect(await next).toMatchObject({ version: 1 })
    await own.query('commit')
  })

  it('that deadlocks with other transactions is retried', async () => {
    await database.query('create table rows (id int primary key, count int not null default 0)')
    await database.query('insert into rows values (1), (2)')
    const locking = projection({
      name: 'locking',
      async handle(events: readonly RecordedEvent[], tx: SqlTransaction) {
        for (const { streamId } of events) {
          for (const id of streamId.startsWith('up') ? [1, 2] : [2, 1]) {
            await tx.query('update rows set count = count + 1 where id = $1', [id])
          }
        }
      },
    })
    store = postgresStore(database.url, { inline: [locking] })
    await store.schema.create()
    const rival = await database.session('rival')
    const fighting = (async () => {
      for (const _ of range(1, 10)) {
        await rival.query('begin')
        try {
          await rival.query('update rows set count = count where id = 2')
          await new Promise((resolve) => setTimeout(resolve, 20))
          await rival.query('update rows set count = count where id = 1')
          await rival.query('commit')
        } catch {
          await rival.query('rollback')
        }
      }
    })()
    for (const number of range(1, 40)) await store.append(`up-${number}`, counted(1))
    await fighting
    expect(await database.query('select count from rows order by id')).toEqual([{ count: 40 }, { count: 40 }])
  })
})

/** Takes a lock that another transaction holds, and returns whether that has failed. Goes on in the transaction. */
async function tryToLock(tx: SqlTransaction): Promise<boolean> {
  await tx.query('savepoint mine')
  try {
    await tx.query('select from held for update nowait')
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: '55P03' })
    await tx.query('rollback to savepoint mine')
    return false
  }
}

/** Holds the lock that `tryToLock` wants. Returns the function that releases it. */
async function holdLock(): Promise<() => Promise<unknown>> {
  await database.query('create table held (id int primary key); insert into held values (1)')
  const rival = await database.session('rival')
  await rival.query('begin; select from held for update')
  return () => rival.query('rollback')
}

// Fault: the store took each transient SQLSTATE of the user's own SQL for a fault of its own transaction.
describe('a lock error of the own SQL of', () => {
  it('a transactional handler that rolls back to its savepoint does no harm', async () => {
    store = postgresStore(database.url)
    const release = await holdLock()
    await store.append('a', counted(2))
    let calls = 0
    const handle = async ({ position }: RecordedEvent, { tx }: { tx: SqlTransaction }) => {
      calls++
      if (!(await tryToLock(tx))) await tx.query('insert into noted values ($1)', [`not locked ${position}`])
    }
    const once = store.runOnce({ name: 's', transactional: true, handle, onError: { retries: 0 } })
    expect(await once).toMatchObject({ handled: 2, caughtUp: true })
    expect(calls).toBe(2)
    expect(await database.query('select from noted')).toHaveLength(2)
    await release()
  })

  it('a transactional handler that does not catch it is the failure of the handler', async () => {
    store = postgresStore(database.url)
    const release = await holdLock()
    await store.append('a', counted(1))
    for (const swallows of [false, true]) {
      let calls = 0
      const handle = async (_: RecordedEvent, { tx }: { tx: SqlTransaction }) => {
        calls++
        await tx.documents('x').get('new')
        const locking = tx.query('select from held for update nowait')
        await (swallows ? locking.catch(() => {}) : locking)
      }
      const onError = { retries: 2, backoff: 1, action: 'park' } as const
      const name = `swallows ${swallows}`
      const once = store.runOnce({ name, transactional: true, handle, onError })
      expect(await once).toMatchObject({ handled: 0, parked: 1 })
      expect(calls).toBe(3)
      const [parked] = await collect(store.parked(name).list())
      expect(parked?.error).toMatch(/could not obtain lock/)
    }
    await release()
  })

  it('a raw inline projection is caught with a savepoint, or is the error of the append at once', async () => {
    let calls = 0
    const locking = projection({
      name: 'locking',
      async handle(events: readonly RecordedEvent[], tx: SqlTransaction) {
        calls++
        if (events[0]?.streamId === 'careful') await tryToLock(tx)
        else await tx.query('select from held for update nowait')
      },
    })
    store = postgresStore(database.url, { inline: [locking] })
    const release = await holdLock()
    await store.append('careful', counted(1))
    expect(calls).toBe(1)
    await expect(store.append('careless', counted(1))).rejects.toMatchObject({ code: '55P03' })
    expect(calls).toBe(2)
    expect((await store.readStream('careless')).exists).toBe(false)
    await release()
  })

  it.each(connections)('a handler on %s: raised errors of every kind belong to it', async (_, connect) => {
    const { connection, end } = connect(database.url)
    store = postgresStore(connection, { schema: 'own' })
    await store.append('a', counted(1))
    const states = ['55P03', '53300', '25006', '40001']
    const handle = async (_event: RecordedEvent, { tx }: { tx: SqlTransaction }) => {
      for (const state of states) {
        const raise = `do $$ begin raise exception 'mine' using errcode = '${state}'; end $$`
        const { savepoint } = tx.client as Partial<postgres.TransactionSql>
        if (savepoint !== undefined) {
          await savepoint((sql) => sql.unsafe(raise)).catch(() => {})
          continue
        }
        await tx.query('savepoint mine')
        await tx.query(raise).catch(() => tx.query('rollback to savepoint mine'))
      }
      await tx.query('insert into noted values ($1)', ['all the same'])
    }
    const once = store.runOnce({ name: 's', transactional: true, handle, onError: { retries: 0 } })
    expect(await once).toMatchObject({ handled: 1 })
    expect(await database.query('select from noted')).toHaveLength(1)
    await store.close()
    await end()
  })
})

// Fault: the server ended the transaction of a handler that was idle for too long, and the store took that for a lost
// connection: it called a handler that always needs longer for ever.
describe('the limit of idle transactions', () => {
  const idling = async (tx: SqlTransaction) => {
    // The limit of the store is 120 s.
    await tx.query(`set local idle_in_transaction_session_timeout = '50ms'`)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }

  it.each(['a pool', 'a client'])('on %s is the failure of a handler that is slower', async (kind) => {
    const pool = new pg.Pool({ connectionString: database.url })
    pool.on('error', () => {})
    const client = new pg.Client(database.url)
    client.on('error', () => {})
    await client.connect()
    store = postgresStore(kind === 'a pool' ? pool : client)
    await store.append('a', counted(1))
    let calls = 0
    const done = store.subscribe({
      name: 's',
      transactional: true,
      async handle(_, { tx }) {
        calls++
        await idling(tx)
      },
      onError: { retries: kind === 'a pool' ? 1 : 0, backoff: 1 },
    }).done
    await expect(done).rejects.toMatchObject({
      code: 'subscription-failed',
      cause: { code: 'transaction-idle', limit: 120_000, cause: { code: '25P03' } },
    })
    expect(calls).toBe(kind === 'a pool' ? 2 : 1)
    await store.close()
    await pool.end()
    await client.end().catch(() => {})
  })

  it('is the error of an append whose inline projection is slower', async () => {
    const slow = projection({
      name: 'slow',
      handle: (_: readonly RecordedEvent[], tx: SqlTransaction) => idling(tx),
    })
    store = postgresStore(database.url, { inline: [slow] })
    await expect(store.append('a', counted(1))).rejects.toMatchObject({ code: 'transaction-idle' })
    expect((await store.readStream('a')).exists).toBe(false)
  })
})

// The fault: postgres.js refuses its own commit after any failed statement outside its own `savepoint`.
it('a handler on postgres.js that rolls back to a savepoint of its own goes on', async () => {
  const sql = postgres(database.url, { onnotice() {} })
  store = postgresStore(sql)
  await holdLock().then(async (release) => {
    await store.append('a', counted(1))
    const handle = async (_: RecordedEvent, { tx }: { tx: SqlTransaction }) => void (await tryToLock(tx))
    const onError = { retries: 1, backoff: 1, action: 'park' } as const
    expect(await store.runOnce({ name: 's', transactional: true, handle, onError })).toMatchObject({
      handled: 1,
      parked: 0,
    })
    await release()
  })
  await store.close()
  await sql.end()
})

describe('a transactional handler', () => {
  it('that catches its own SQL error has not handled the event', async () => {
    store = postgresStore(database.url)
    await store.append('a', counted(3))
    const handle = async (_event: RecordedEvent, { tx }: { tx: SqlTransaction }) => {
      await tx.query('insert into noted values ($1)', ['the same']).catch(() => {})
    }
    const once = store.runOnce({
      name: 's',
      transactional: true,
      handle,
      onError: { retries: 1, backoff: 1, action: 'park' },
    })
    expect(await once).toMatchObject({ handled: 1, parked: 2 })
    expect((await database.query('select * from noted')).length).toBe(1)
  })

  it('whose own SQL is refused as read-only has failed, and is not retried forever', async () => {
    store = postgresStore(database.url)
    await store.append('a', counted(1))
    let calls = 0
    const handle = async (_event: RecordedEvent, { tx }: { tx: SqlTransaction }) => {
      calls++
      await tx.query(`do $$ begin raise exception 'mine' using errcode = '25006'; end $$`)
    }
    const onError = { retries: 2, backoff: 1, action: 'park' } as const
    const once = store.runOnce({ name: 's', transactional: true, handle, onError })
    expect(await once).toMatchObject({ handled: 0, parked: 1 })
    expect(calls).toBe(3)
  })
})
