/**
 * The cases of failures inside the user's own transaction, for any driver or ORM. The store knows an error by its
 * SQLSTATE, which an ORM wraps in an error of its own.
 */
import { projection, uuidv7 } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { counted, logOf } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'
import type { OpenDriver, TransactionDriver, UserTransaction } from './transaction-drivers.ts'

export function describeTransactionErrors(drivers: Readonly<Record<string, OpenDriver>>): void {
  describe.each(Object.entries(drivers))('errors with %s', (_, openDriver) => describeDriver(openDriver))
}

function describeDriver(openDriver: OpenDriver): void {
  let database: FreshDatabase
  let driver: TransactionDriver
  let store: PostgresStore
  let order: string
  let holder: pg.Client
  let schemas = 0

  beforeAll(async () => {
    database = await freshDatabase()
    driver = await openDriver(database.url)
    store = postgresStore(driver.connection)
    await store.append('before', counted(1))
  })

  afterAll(async () => {
    await store.close()
    await driver.close()
    await database.drop()
  })

  beforeEach(async () => {
    order = uuidv7()
    await store.append(order, counted(1))
    holder = await database.session('holder')
    await holder.query('begin')
  })

  afterEach(() => holder.query('rollback'))

  /** Makes the appends to the stream wait. */
  const holdStream = () => store.inTransaction(holder).append(order, counted(1))

  const appendIn = (transaction: UserTransaction, streamId: string = order) =>
    store.inTransaction(transaction.handle).append(streamId, counted(1, 2))

  /** Returns the error that fails the append in a transaction which begins with this setting. */
  async function failureWith(setting: string): Promise<unknown> {
    let failure: unknown
    await driver
      .transact('read committed', async (transaction) => {
        await transaction.run(`set local ${setting}`)
        await appendIn(transaction).catch((error: unknown) => {
          failure = error
        })
        throw new Error('rolled back')
      })
      .catch(() => {})
    return failure
  }

  it('reports a statement timeout', async () => {
    await holdStream()
    expect(await failureWith("statement_timeout = '200ms'")).toMatchObject({
      code: 'storage-failed',
      cause: { code: '57014' },
    })
  })

  it('reports a lock timeout', async () => {
    await holdStream()
    expect(await failureWith("lock_timeout = '200ms'")).toMatchObject({
      code: 'store-unavailable',
      cause: { code: '55P03' },
    })
  })

  it('reports a deadlock', async () => {
    const other = `${order}-2`
    const meet = barrier()
    const append = (first: string, second: string) =>
      driver.transact('read committed', async (transaction) => {
        await transaction.run(`set local deadlock_timeout = '200ms'`)
        await appendIn(transaction, first)
        await meet()
        await appendIn(transaction, second)
      })
    await store.append(other, counted(1))
    const outcomes = await Promise.allSettled([append(order, other), append(other, order)])
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(failed).toMatchObject([{ reason: { code: 'store-unavailable', cause: { code: '40P01' } } }])
  })

  it('reports an inline projection that the store lacks', async () => {
    const schema = `lacking_${++schemas}`
    const counts = projection({
      name: 'counts',
      key: ({ streamId }) => streamId,
      initialState: () => 0,
      evolve: (count: number) => count + 1,
    })
    const owner = postgresStore(driver.connection, { schema, inline: [counts] })
    await owner.append('a', counted(1))
    const lacking = postgresStore(driver.connection, { schema })
    const refused = driver.transact('read committed', ({ handle }) =>
      lacking.inTransaction(handle).append('a', counted(1)),
    )
    await expect(refused).rejects.toMatchObject({ code: 'missing-inline-projection' })
    await expect(refused).rejects.toThrow('counts')
    expect(await logOf(owner)).toHaveLength(1)
    await Promise.all([owner.close(), lacking.close()])
  })

  it('reports a sequence that is behind, with the name of its schema', async () => {
    const schema = `behind_${++schemas}`
    const restored = postgresStore(driver.connection, { schema })
    for (const streamId of ['a', 'b', 'c']) await restored.append(streamId, counted(1))
    await database.query(`select setval('${schema}.stream_keys', 1)`)
    const refused = driver.transact('read committed', ({ handle }) =>
      restored.inTransaction(handle).append('d', counted(1)),
    )
    await expect(refused).rejects.toMatchObject({ code: 'sequence-behind' })
    await expect(refused).rejects.toThrow(`"${schema}".stream_keys`)
    await restored.close()
  })

  it.each(['before', 'during'])('reports a lost connection, %s the append', async (when) => {
    const before = await logOf(store)
    let failure: unknown
    const failing = driver.transact('read committed', async (transaction) => {
      await transaction.run(`set local application_name = '${order}'`)
      if (when === 'before') await endSession(order)
      else await holdStream()
      const appending = appendIn(transaction).catch((error: unknown) => {
        failure = error
      })
      if (when === 'during') await endSession(order, 'waits')
      await appending
    })
    await failing.catch(() => {})
    expect(failure).toMatchObject({ code: 'store-unavailable' })
    await holder.query('rollback')
    expect(await logOf(store)).toEqual(before)
    // The driver has another connection for the next transaction.
    await driver.transact('read committed', (transaction) => appendIn(transaction))
    expect(await logOf(store)).toHaveLength(before.length + 1)
  })

  /** Ends the session of this name, at once or when it waits for a lock. Waits until it is gone. */
  async function endSession(session: string, waits?: 'waits'): Promise<void> {
    const ended = `select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = $1 and ($2 or wait_event_type = 'Lock')`
    while ((await database.query(ended, [session, waits === undefined])).length === 0) await sleep(10)
    const left = 'select from pg_stat_activity where application_name = $1'
    while ((await database.query(left, [session])).length > 0) await sleep(10)
  }
}

/** Returns a function whose first call waits for the second one. */
function barrier(): () => Promise<void> {
  let open = () => {}
  let calls = 0
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return () => {
    if (++calls === 2) open()
    return opened
  }
}
