/** A primary that crashes under load, and the standby that replaces it. */
import { hasCode, type RecordedEvent } from '@eventsourced/core'
import { type PostgresConnection, type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collect, counted, identified, logOf, numbersOf, range } from '../../src/conformance/events.ts'
import { failure, refused } from '../../src/conformance/expect.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { CuttingPostgresProxy } from '../cutting-proxy.ts'
import { startLoad } from '../postgres/load.ts'
import { type OwnServer, startOwnServer } from '../postgres/own-server.ts'
import { rounds } from '../rounds.ts'

let primary: OwnServer
let standby: OwnServer
/** An address that leads to the current primary, like a virtual address or a DNS name. */
let address: CuttingPostgresProxy
let ends: (() => Promise<unknown>)[]

beforeEach(() => {
  ends = []
})

afterEach(async () => {
  for (const end of ends.reverse()) await end()
})

async function startPair(settings: readonly string[]): Promise<void> {
  primary = await startOwnServer(settings)
  ends.push(() => primary.remove())
  standby = await primary.addStandby(['wal_receiver_timeout=1s'])
  ends.push(() => standby.remove())
  address = await CuttingPostgresProxy.start(primary.url)
  ends.push(() => address.stop())
}

function open(connection: PostgresConnection, retries = 99): PostgresStore {
  const store = postgresStore(connection, { retries, notify: true })
  ends.push(() => store.close())
  return store
}

async function query(server: OwnServer, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(server.url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Crashes the primary, leads clients to the standby, and promotes it after `waiting` milliseconds. */
async function failOver(waiting: number): Promise<void> {
  await primary.crash()
  address.leadTo(standby.url)
  await sleep(waiting)
  await query(standby, 'select pg_promote()')
}

async function untilReplayed(): Promise<void> {
  const isBehind = 'select from pg_stat_replication where replay_lsn = pg_current_wal_lsn()'
  while ((await query(primary, isBehind)).length === 0) await sleep(10)
}

const drivers: readonly [string, () => PostgresConnection][] = [
  ['pg', () => address.url],
  [
    'postgres.js',
    () => {
      const sql = postgres(address.url, { fetch_types: false, max: 8, onnotice() {} })
      ends.push(() => sql.end({ timeout: 1 }))
      return sql
    },
  ],
]

describe.each(drivers)('with %s and synchronous replication,', (_, connection) => {
  it.each(range(1, rounds))(
    'no event is lost or repeated, and writers, followers and subscriptions continue without help (%i)',
    async () => {
      await startPair(['synchronous_standby_names=*'])
      const store = open(connection())
      await store.schema.create()
      const load = startLoad(store)
      const handled: number[] = []
      const subscription = store.subscribe({
        name: 's',
        handle: ({ position }) => void handled.push(position),
      })
      await sleep(200 + 200 * Math.random())
      await failOver(300 * Math.random())
      await sleep(300)
      const log = await load.end()
      await subscription.caughtUp({ timeout: 30_000 })
      // Events since the last checkpoint may be handled again, once and in order.
      const positions = log.map(({ position }) => position)
      expect([...new Set(handled)].sort((a, b) => a - b)).toEqual(positions)
      const again = handled.filter((position, index) => position <= (handled[index - 1] ?? 0))
      expect(again.length).toBeLessThanOrEqual(1)
      expect(handled.length).toBeLessThan(2 * positions.length)
    },
    120_000,
  )
})

describe('with a standby that lags,', () => {
  /**
   * Stops the replication, and appends events that are lost with the primary. They are more than the 32 numbers that a
   * sequence logs ahead.
   */
  async function loseTheEnd(store: PostgresStore): Promise<number> {
    await untilReplayed()
    await query(standby, `alter system set primary_conninfo = ''`)
    await query(standby, 'select pg_reload_conf()')
    while ((await query(primary, 'select from pg_stat_replication')).length > 0) await sleep(10)
    return (await store.append('lost', counted(200))).position
  }

  it('only events that were not replicated are lost; readers of them get an error, and subscriptions skip none of the new events', async () => {
    await startPair([])
    const store = open(address.url)
    await store.append('kept', counted(20))
    const followed: RecordedEvent[] = []
    const following = failure(async () => {
      for await (const event of store.readAll({ follow: true })) followed.push(event)
    })
    const handled: string[] = []
    const subscription = store.subscribe({
      name: 's',
      handle: ({ streamId, version }) => void handled.push(`${streamId} ${version}`),
    })
    await subscription.caughtUp()
    const lost = await loseTheEnd(store)
    await subscription.caughtUp()
    while (followed.length < 220) await sleep(10)
    await failOver(0)
    // So many events that they take all lost positions before a reader polls.
    const other = postgresStore(standby.url)
    const { positions } = await other.append('instead', counted(400))
    expect(positions).toContain(lost)

    expect(await following).toMatchObject({ code: 'log-truncated', after: lost })
    await subscription.caughtUp({ timeout: 30_000 })
    const instead = handled.filter((one) => one.startsWith('instead'))
    expect(new Set(instead).size).toBe(400)
    expect(numbersOf(await logOf(other))).toEqual([...range(1, 20), ...range(1, 400)])
    expect(await other.streamInfo('lost')).toBeUndefined()
    await other.close()
  }, 120_000)

  it('no position is assigned twice, if the sequence is advanced before the first append', async () => {
    await startPair([])
    const store = open(address.url)
    await store.append('kept', counted(20))
    const lost = await loseTheEnd(store)
    await failOver(0)
    // A reader that stored its position elsewhere, and reads before that, gets an error.
    await refused(logOf(store, { after: lost }), 'log-truncated', { after: lost })
    await query(
      standby,
      `select setval('eventsourced.event_positions', nextval('eventsourced.event_positions') + 1000000)`,
    )
    const { position } = await store.append('new', counted(1))
    expect(position).toBeGreaterThan(lost)
    expect(await logOf(store, { after: lost })).toMatchObject([{ streamId: 'new' }])
  }, 120_000)
})

describe('a standby that is not promoted', () => {
  it('makes every call fail as read-only-replica, and accepts calls after it is promoted', async () => {
    await startPair([])
    const events = identified(2)
    const before = open(primary.url)
    await before.append('a', events)
    await untilReplayed()
    const store = open(standby.url, 2)
    const calls: (() => Promise<unknown>)[] = [
      () => store.append('a', events),
      () => store.appendAll(['a', 'b'].map((streamId) => ({ streamId, events: counted(1) }))),
      () => store.createStream('b'),
      () => store.import([{ streamId: 'c', type: 'T', data: {}, id: events[0]?.id ?? '' }]),
      () => collect(store.readAll()),
      () => store.frontier(),
      () => store.schema.create(),
      () => store.runOnce({ name: 's', handle() {} }),
      () => store.readStream('a'),
    ]
    for (const call of calls) {
      const error = await failure(call)
      expect(hasCode(error, 'read-only-replica'), `${call}: ${error}`).toBe(true)
    }
    await primary.crash()
    const waiting = open(standby.url).append('a', events)
    await sleep(50)
    await query(standby, 'select pg_promote()')
    expect(await waiting).toMatchObject({ version: 2, deduplicated: true })
    expect(await store.append('a', counted(1))).toMatchObject({ version: 3 })
    expect(await logOf(store)).toHaveLength(3)
  }, 60_000)

  it('at the first use is not used again once the address leads to the primary', async () => {
    await startPair([])
    await open(primary.url).append('a', counted(1))
    await untilReplayed()
    address.leadTo(standby.url)
    const [first, second] = [open(address.url, 2), open(address.url, 2)]
    const calls = [() => first.append('a', counted(1)), () => second.schema.create()]
    for (const call of calls) await refused(call(), 'read-only-replica')
    address.leadTo(primary.url)
    for (const call of calls) await call()
    expect(await first.streamInfo('a')).toMatchObject({ version: 2 })
  }, 60_000)
})
