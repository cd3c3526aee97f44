/** What becomes of the statement of a request whose time is over. The library cancels no statement of Postgres itself. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { console as consoleOf } from '../../src/console/index.ts'
import { openTarget } from '../../src/target/open.ts'
import { databases, type StartedDatabase } from '../databases.ts'
import { act, read } from './call.ts'

describe.each(databases.filter(({ name }) => name === 'postgres'))('a request on $name', ({ start }) => {
  let database: StartedDatabase
  let observer: pg.Client
  // Another connection: within a transaction, pg_stat_activity stays as it was at first.
  let locker: pg.Client
  beforeAll(async () => {
    database = await start()
    observer = new pg.Client(database.url)
    locker = new pg.Client(database.url)
    await observer.connect()
    await locker.connect()
  })
  afterAll(async () => {
    await observer?.end()
    await locker?.end()
    await database?.stop()
  })

  it('is answered in time; the console stays usable, and no statement is left once the lock is free', async () => {
    const { store } = await openTarget({ url: database.url }, true)
    await store.append('order-1', [{ type: 'Placed', data: {} }])
    const app = consoleOf({ store, timeout: 4_000, onError() {} })
    const statements = async () => {
      const { rows } = await observer.query(
        `SELECT query FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND wait_event_type = 'Lock'`,
      )
      return rows.length
    }
    await locker.query(
      'BEGIN; LOCK TABLE eventsourced.streams, eventsourced.subscriptions IN ACCESS EXCLUSIVE MODE',
    )
    const reading = read(app, 'streams')
    await expect.poll(statements, { timeout: 4_000 }).toBe(1)
    // The limit of the store for waiting on a lock is about as long as that of the console.
    expect(['timeout', 'lock-timeout']).toContain((await reading).body.code)
    await locker.query('ROLLBACK')
    await expect.poll(statements, { timeout: 10_000 }).toBe(0)
    expect(await read(app, 'streams')).toMatchObject({ status: 200 })
    expect((await act(app, 'subscriptions/pause', { name: 'mailer' })).status).toBe(404)
    await store.close()
  })

  it('has its statement ended by the server after the statement timeout', async () => {
    const { store } = await openTarget({ url: database.url, statementTimeout: 1_500 }, false)
    await store.streamInfo('order-1')
    const app = consoleOf({ store, timeout: 500, onError() {} })
    const waiting = async () => {
      const { rows } = await observer.query(
        `SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'`,
      )
      return rows.length
    }
    await locker.query('BEGIN; LOCK TABLE eventsourced.streams IN ACCESS EXCLUSIVE MODE')
    const reading = read(app, 'streams')
    await expect.poll(waiting).toBe(1)
    expect((await reading).body.code).toBe('timeout')
    await expect.poll(waiting, { timeout: 10_000 }).toBe(0)
    await locker.query('ROLLBACK')
    await store.close()
  })
})
