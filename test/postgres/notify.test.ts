/** Notifications between processes (`notify: true`): they end a pause, are rate-limited, and survive lost connections. */
import type { EventStore } from '@eventsourced/core'
import { type PostgresConnection, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counted, numbersOf, range } from '../../src/conformance/events.ts'
import { connector } from '../../src/postgres/connect.ts'
import { notifications } from '../../src/postgres/notify.ts'
import { RetryingDatabase, retryingRunner } from '../../src/postgres/runner.ts'
import { statementsOf } from '../../src/postgres/statements.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { connections } from './connections.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase

beforeAll(async () => {
  database = await freshDatabase()
})

afterAll(() => database.drop())

const isListening = `datname = current_database() and application_name <> 'session' and query like 'listen %'`

async function listeners(): Promise<number> {
  return (await database.query(`select from pg_stat_activity where ${isListening}`)).length
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(5)
}

// So long that, without a notification, a subscription would poll again only after the test.
const pollInterval = 600_000

/** Subscribes, and collects the numbers of the handled events. */
function follow(store: EventStore, name: string): number[] {
  const handled: number[] = []
  store.subscribe({
    name,
    streamPrefix: name,
    pollInterval,
    handle: (event) => void handled.push(...numbersOf([event])),
  })
  return handled
}

/** The notifications of one process, without a store, which would also poll. */
function notificationsOn(connection: PostgresConnection) {
  const own = new RetryingDatabase(
    connector(connection, { prepare: true, maxConnections: 2, timeout: 30_000 }),
    10,
    30_000,
  )
  const runner = retryingRunner(own, async () => {})
  return {
    ...notifications(own, runner, statementsOf('eventsourced'), 'eventsourced', () => {}),
    close: () => runner.close(),
  }
}

describe.each(connections)('with %s', (_name, connect) => {
  it('receives notifications of others and not its own, also after a lost connection, until it stops', async () => {
    const { connection, end } = connect(database.url)
    const [here, there] = [notificationsOn(connection), notificationsOn(database.url)]
    let woken = 0
    const stop = here.listen(() => woken++)
    await until(() => woken > 0)
    for (const _ of range(1, 3)) {
      const before = woken
      there.appended()
      await until(() => woken > before)
      // It wakes once when it listens again, because notifications may have been lost.
      const atEnd = woken
      await database.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${isListening}`)
      await until(() => woken > atEnd)
    }
    const atRest = woken
    here.appended()
    await sleep(100)
    there.appended()
    await until(() => woken > atRest)
    expect(woken).toBe(atRest + 1)
    await stop()
    await until(async () => (await listeners()) === 0)
    await Promise.all([here.close(), there.close()])
    await end()
  })
})

it('finds events that were appended while it did not listen', async () => {
  const own = await freshDatabase()
  const here = postgresStore(own.url, { notify: true })
  const there = postgresStore(own.url)
  const handled = follow(here, 'missed')
  const listening = `select pg_terminate_backend(pid) from pg_stat_activity where ${isListening}`
  while ((await own.query(listening)).length === 0) await sleep(5)
  // This store sends no notification.
  await there.append('missed', counted(1))
  await until(() => handled.length === 1)
  await Promise.all([here.close(), there.close()])
  await own.drop()
})

it('sends at most 50 notifications a second, and one after the last append', async () => {
  const store = postgresStore(database.url, { notify: true })
  await store.append('many', counted(1))
  const listener = await database.session()
  const heard: number[] = []
  listener.on('notification', () => heard.push(performance.now()))
  const [row] = await database.query<{ channel: string }>(
    `select 'eventsourced_' || left(encode(sha256('eventsourced'), 'hex'), 16) as channel`,
  )
  await listener.query(`listen ${row?.channel}`)
  const began = performance.now()
  for (const number of range(2, 200)) await store.append('many', counted(1, number))
  const appended = performance.now()
  await until(() => heard.some((at) => at > appended))
  expect(heard.length).toBeLessThanOrEqual((performance.now() - began) / 20 + 2)
  await store.close()
})

it('a store does not listen without notify: true, or without a subscription', async () => {
  const [quiet, writer] = [postgresStore(database.url), postgresStore(database.url, { notify: true })]
  follow(quiet, 'quiet')
  await writer.append('quiet', counted(1))
  await sleep(100)
  expect(await listeners()).toBe(0)
  await Promise.all([quiet.close(), writer.close()])
})

it('PGlite accepts the option, and has no other process to notify', async () => {
  const store = postgresStore('pglite:memory', { notify: true })
  const handled = follow(store, 'embedded')
  await store.append('embedded', counted(2))
  await until(() => handled.length === 2)
  await store.close()
})
