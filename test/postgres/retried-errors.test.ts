/** Errors of the server: which ones the store retries, how often, and which errors the caller gets. */
import { type Metric, StorageError, StoreUnavailableError } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { counted, identified, logOf, numbersOf, range, streamOf } from '../../src/conformance/events.ts'
import { allAtOnce, failure } from '../../src/conformance/expect.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { CuttingPostgresProxy } from '../cutting-proxy.ts'
import { rounds } from '../rounds.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const retries = 3
const transientCodes = '40001 40P01 55P03 53300 57P01 57P02 57P03 08000 08003 08006'.split(' ')
// Statement cancelled, disk full, check violation, internal error.
const permanentCodes = '57014 53100 23514 XX000'.split(' ')

let database: FreshDatabase
let store: PostgresStore

beforeAll(async () => {
  database = await freshDatabase()
  store = postgresStore(database.url)
  await store.schema.create()
  // The calls are counted by a sequence, because a rollback does not undo it.
  await database.query(`
    create sequence calls minvalue 0;
    create table faults (code text, times int);
    insert into faults values ('', 0);
    create function fail() returns trigger language plpgsql as $$
    declare _fault public.faults;
    begin
      select * into _fault from public.faults;
      if nextval('public.calls') < _fault.times then raise exception 'as ordered' using errcode = _fault.code; end if;
      return null;
    end $$;
    create trigger fail before insert on eventsourced.events for each statement execute function fail()`)
})

afterAll(async () => {
  await store.close()
  await database.drop()
})

/** Makes the next `times` statements that insert events fail. */
async function failNext(times: number, code: string): Promise<void> {
  await database.query(`select setval('calls', 0, false)`)
  await database.query('update faults set code = $1, times = $2', [code, times])
}

async function callsMade(): Promise<number> {
  const [row] = await database.query<{ made: number }>(
    `select (case when is_called then last_value + 1 else 0 end)::int as made from calls`,
  )
  return row?.made ?? 0
}

describe('an append that the server refuses', () => {
  let own: PostgresStore
  let streams = 0
  beforeEach(() => {
    own = postgresStore(database.url, { retries, maxConnections: 1 })
  })
  afterEach(() => own.close())

  it.each(transientCodes)('with %s is retried, and recorded once', async (code) => {
    for (const round of range(1, 3 * rounds)) {
      const times = 1 + (round % retries)
      const streamId = `transient ${++streams}`
      await failNext(times, code)
      const result = await own.append(streamId, counted(2), { expectedVersion: 'noStream' })
      expect(result).toMatchObject({ version: 2, deduplicated: false })
      expect(await callsMade()).toBe(times + 1)
      expect(numbersOf(await streamOf(store, streamId))).toEqual([1, 2])
    }
  })

  it('is reported to the observer for each retry', async () => {
    const metrics: Metric[] = []
    const measured = postgresStore(database.url, { retries, onMetric: (metric) => metrics.push(metric) })
    await measured.readStream('warm')
    metrics.length = 0
    await failNext(2, '40P01')
    await measured.append('measured', counted(1))
    const incident = { kind: 'retry', table: '', key: 'Appending', reason: 'as ordered' }
    expect(metrics).toEqual([
      { ...incident, attempt: 1 },
      { ...incident, attempt: 2 },
      { kind: 'commit', appends: 1, duration: expect.any(Number) },
      { kind: 'append', events: 1, streams: 1, duration: expect.any(Number), outcome: 'appended' },
    ])
    await measured.close()
  })

  it.each(transientCodes.filter((code) => code !== '55P03'))(
    'with %s on every attempt fails after the retries, with a typed error and its cause',
    async (code) => {
      await failNext(1_000, code)
      const error = await failure(own.append(`given up ${code}`, counted(1)))
      expect(error).toBeInstanceOf(StoreUnavailableError)
      expect(error).toMatchObject({ retries, cause: { code } })
      expect(await callsMade()).toBe(retries + 1)
      expect(await store.streamInfo(`given up ${code}`)).toBeUndefined()
    },
  )

  it('with 55P03 on every attempt fails after the timeout, with a typed error', async () => {
    const impatient = postgresStore(database.url, { retries, timeout: 300 })
    await failNext(1_000, '55P03')
    const error = await failure(impatient.append('locked for long', counted(1)))
    expect(error).toMatchObject({ code: 'lock-timeout', timeout: 300 })
    expect(await callsMade()).toBeGreaterThan(1)
    expect(await store.streamInfo('locked for long')).toBeUndefined()
    await impatient.close()
  })

  it.each(permanentCodes)(
    'with %s is not retried, and the error is typed and has its cause',
    async (code) => {
      await failNext(1, code)
      const error = await failure(own.append(`permanent ${code}`, counted(1)))
      expect(error).toBeInstanceOf(StorageError)
      expect(error).toMatchObject({ cause: { code } })
      expect(await callsMade()).toBe(1)
      expect(await store.streamInfo(`permanent ${code}`)).toBeUndefined()
      await own.append(`permanent ${code}`, counted(1), { expectedVersion: 'noStream' })
    },
  )

  it('with 25006, as a replica does, is retried, and then fails as read-only-replica', async () => {
    await failNext(1, '25006')
    expect(await own.append('read only', counted(1))).toMatchObject({ version: 1, deduplicated: false })
    await failNext(1_000, '25006')
    const error = await failure(own.append('read only', counted(1)))
    expect(error).toMatchObject({ code: 'read-only-replica', cause: { code: '25006' } })
    expect(await callsMade()).toBeLessThanOrEqual(2 * (retries + 1))
    expect(await streamOf(store, 'read only')).toHaveLength(1)
  })

  it('with an error of the connection closes that connection, and with another error does not', async () => {
    // A closed connection may stay listed for a moment, and pids do not show the order of connections.
    const pid = async () => {
      const [row] = await database.query<{ pid: number }>(
        `select pid from pg_stat_activity where datname = current_database() and application_name = ''
          and query ~ 'append_to_stream' order by backend_start desc limit 1`,
      )
      return row?.pid
    }
    await store.close()
    store = postgresStore(database.url)
    await failNext(0, '')
    await own.append('whose', counted(1))
    const first = await pid()
    await failNext(1, '40001')
    await own.append('whose', counted(1))
    expect(await pid()).toBe(first)
    for (const code of ['08006', '57P01']) {
      const before = await pid()
      await failNext(1, code)
      await own.append('whose', counted(1))
      await expect.poll(pid, { message: code, timeout: 30_000 }).not.toBe(before)
    }
  })

  it('together with concurrent appends is recorded once, and so are they', async () => {
    for (const code of transientCodes) {
      await failNext(2, code)
      await allAtOnce(32, (index) =>
        store.append(`together ${code} ${index}`, counted(2), { expectedVersion: 0 }),
      )
      const log = await logOf(store, { streamPrefix: `together ${code} ` })
      expect(log.length).toBe(64)
    }
  })
})

describe('an append that was committed, but answered with an error', () => {
  let proxy: CuttingPostgresProxy
  let own: PostgresStore
  beforeEach(async () => {
    await failNext(0, '')
    proxy = await CuttingPostgresProxy.start(database.url)
    own = postgresStore(proxy.url, { retries, maxConnections: 1 })
  })
  afterEach(async () => {
    await own.close()
    await proxy.stop()
  })

  it.each(transientCodes)('of code %s is not made twice', async (code) => {
    for (const round of range(1, 3 * rounds)) {
      const streamId = `answered ${code} ${round}`
      proxy.answerWith(code, 1)
      expect(await own.append(streamId, counted(2))).toMatchObject({ version: 2, positions: { length: 2 } })
      expect(proxy.cuts).toBe(round)
      expect(numbersOf(await streamOf(store, streamId))).toEqual([1, 2])
    }
  })

  it.each(permanentCodes)(
    'and whose retry fails with %s, fails as one that may have happened',
    async (code) => {
      const events = identified(2)
      proxy.cutAndAnswerWith(code)
      const error = await failure(own.append(`unknown ${code}`, events))
      expect(error).toMatchObject({ code: 'store-unavailable', retries: 1, cause: { code } })
      expect(proxy.cuts).toBe(2)
      expect(await own.append(`unknown ${code}`, events)).toMatchObject({ version: 2, deduplicated: true })
    },
  )

  it.each(permanentCodes)(
    'of code %s fails with that error, and returns its first result when it is repeated with its ids',
    async (code) => {
      const events = identified(2)
      proxy.answerWith(code, 1, 'ERROR')
      expect(await failure(own.append(`answered ${code}`, events))).toMatchObject({ cause: { code } })
      expect(await own.append(`answered ${code}`, events)).toMatchObject({ version: 2, deduplicated: true })
      expect(await streamOf(store, `answered ${code}`)).toHaveLength(2)
    },
  )
})

// A server or a pooler ends the connection after an error of severity FATAL or PANIC, whatever its code: idle session
// (57P05), idle transaction, internal error, disk full, out of memory.
const endingCodes = '57P05 25P03 XX000 53100 53200'.split(' ')
// A wrong password, no right to log in, and a database that does not exist.
const finalCodes = '28P01 28000 3D000'.split(' ')

describe('an error that ends the connection', () => {
  let proxy: CuttingPostgresProxy
  let own: PostgresStore
  beforeEach(async () => {
    await failNext(0, '')
    proxy = await CuttingPostgresProxy.start(database.url)
    own = postgresStore(proxy.url, { retries, maxConnections: 1 })
  })
  afterEach(async () => {
    await own.close()
    await proxy.stop()
  })

  it.each(['FATAL', 'PANIC'] as const)('of severity %s is retried, whatever its code', async (severity) => {
    for (const code of endingCodes) {
      const streamId = `${severity} ${code}`
      proxy.answerWith(code, 1, severity)
      expect(await own.append(streamId, counted(2)), code).toMatchObject({ version: 2 })
      expect(await streamOf(store, streamId), code).toHaveLength(2)
    }
    expect(proxy.cuts).toBe(endingCodes.length)
  })

  it.each(endingCodes)('of code %s, with which a pooler refuses connections, is retried', async (code) => {
    proxy.refuseConnections(code, 2)
    expect(await own.append(`refused ${code}`, counted(1))).toMatchObject({ version: 1 })
    expect(proxy.cuts).toBe(2)
  })

  it.each(finalCodes)('of code %s, with which a server refuses connections, is final', async (code) => {
    proxy.refuseConnections(code, 1)
    expect(await failure(own.append('refused', counted(1)))).toMatchObject({
      code: 'storage-failed',
      cause: { code },
    })
    expect(proxy.cuts).toBe(1)
  })

  it('does not end a subscription', async () => {
    const seen: number[] = []
    await own.append('followed', counted(1))
    const subscription = own.subscribe({
      name: 'follower',
      streamPrefix: 'followed',
      handle: ({ data }) => void seen.push((data as { n: number }).n),
    })
    await subscription.caughtUp()
    for (const [index, code] of endingCodes.entries()) {
      proxy.refuseConnections(code, retries + 2)
      proxy.cutAll()
      await expect.poll(() => proxy.cuts, { timeout: 30_000 }).toBe((retries + 2) * (index + 1))
      await store.append('followed', counted(1))
      await subscription.caughtUp()
    }
    expect(seen).toHaveLength(1 + endingCodes.length)
    await subscription.stop()
  })
})

describe('a server that is really in that state', () => {
  it('57P05, idle session timeout: the append of a process that was frozen meanwhile is made', async () => {
    const own = postgresStore(`${database.url}?options=-c%20idle_session_timeout%3D100`, {
      maxConnections: 1,
    })
    await own.append('idle', counted(1))
    // The process does not read the server's message until it has sent its next statement.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
    expect(await own.append('idle', counted(1))).toMatchObject({ version: 2 })
    await own.close()
  })

  it('55P03, lock timeout: the append is made once the lock is free', async () => {
    await store.append('locked', counted(1))
    const holder = await database.session()
    await holder.query(`begin; select from eventsourced.streams where stream_id = 'locked' for update`)
    const own = postgresStore(`${database.url}?options=-c%20lock_timeout%3D20`, { retries: 29 })
    const append = own.append('locked', counted(1), { expectedVersion: 1 })
    await sleep(100)
    await holder.query('commit')
    expect(await append).toMatchObject({ version: 2, deduplicated: false })
    await own.close()
  })

  it('57014, statement cancelled: the caller gets the error, nothing is written, and the next append works', async () => {
    await database.query(`
      create function linger() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$;
      create trigger linger before insert on eventsourced.streams for each row when (new.stream_id = 'cancelled')
        execute function linger()`)
    const error = failure(store.append('cancelled', counted(1)))
    // The store takes the first cancellation for a lock timeout, which Postgres sometimes reports so. The second one must
    // hit the retry, and not the first attempt once more, so it waits for a transaction that began later.
    let lastStart = '-infinity'
    for (const _ of range(1, 2)) {
      const cancel = `select pg_cancel_backend(pid), xact_start::text as start from pg_stat_activity
        where datname = current_database() and wait_event = 'PgSleep' and xact_start > '${lastStart}'`
      let cancelled = await database.query(cancel)
      for (; cancelled.length === 0; cancelled = await database.query(cancel)) await sleep(2)
      lastStart = String(cancelled[0]?.start)
    }
    expect(await error).toMatchObject({ code: 'storage-failed', cause: { code: '57014' } })
    await database.query('drop trigger linger on eventsourced.streams')
    expect(await store.append('cancelled', counted(1))).toMatchObject({ version: 1 })
  })

  it('53300, too many connections: calls wait for one', async () => {
    const role = `few_${new URL(database.url).pathname.slice(1)}`
    await database.query(`create role ${role} superuser login password 'few' connection limit 2`)
    // The limit does not apply to a superuser.
    await database.query(`alter role ${role} nosuperuser`)
    await database.query(store.schema.grantSql(role))
    await database.query(`grant all on faults, calls to ${role}`)
    const url = new URL(database.url)
    url.username = role
    url.password = 'few'
    const own = postgresStore(url.href, { retries: 99, maxBatch: 1 })
    await allAtOnce(32, (index) => own.append(`few ${index}`, counted(1), { expectedVersion: 0 }))
    expect(await logOf(store, { streamPrefix: 'few ' })).toHaveLength(32)
    await own.close()
    await database.query(`drop owned by ${role}; drop role ${role}`)
  })
})
