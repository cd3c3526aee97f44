/**
 * Events refer to their streams by keys, and a store remembers the names of the keys. No reader may see a wrong name:
 * another database may answer behind the same address, or the tables may be others by now, and their keys belong to
 * other streams.
 */
import { hasCode } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { wholeLog } from '@eventsourced/core/storage'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest'
import { collect, eventOfType, logOf, range } from '../../src/conformance/events.ts'
import { Log, type RunRead } from '../../src/postgres/log.ts'
import { statementsOf } from '../../src/postgres/statements.ts'
import { StreamNames } from '../../src/postgres/stream-names.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { CuttingPostgresProxy } from '../cutting-proxy.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'
import { type OwnServer, startOwnServer } from './own-server.ts'

/** Appends an event to each of many streams. The event says in which stream it is. */
async function fill(store: Pick<PostgresStore, 'appendAll'>, prefix: string, count = 300): Promise<void> {
  const streamIds = range(1, count).map((number) => `${prefix}-${number}`)
  await store.appendAll(
    streamIds.map((streamId) => ({ streamId, events: [eventOfType('Named', { streamId })] })),
  )
}

/** Reads the log and expects each event to be in the stream that it says. Returns the number of events. */
async function expectNames(store: PostgresStore, options: object = {}): Promise<number> {
  const events = await collect(store.readAll(options))
  expect(events.filter(({ streamId, data }) => streamId !== (data as { streamId: string }).streamId)).toEqual(
    [],
  )
  return events.length
}

it('a full memory forgets the oldest name', () => {
  const names = new StreamNames('', 3)
  for (const key of [1, 2, 1, 3, 4, 5, 5, 6]) names.set(key, `name ${key}`)
  expect(range(1, 7).map((key) => names.get(key))).toEqual([
    ...[1, 2, 3].map(() => undefined),
    ...[4, 5, 6].map((key) => `name ${key}`),
    undefined,
  ])
})

it('names are right after a copy of the database, with the same file numbers, has taken its name', async () => {
  const original = await freshDatabase()
  const url = new URL(original.url)
  const name = url.pathname.slice(1)
  const server = new pg.Client({ connectionString: inject('servers').postgres })
  await server.connect()
  onTestFinished(() => server.end())
  const disconnect = () =>
    server.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
  const store = postgresStore(original.url)
  // More streams than fit into one row, so that the page comes without names.
  await fill(store, 'both')
  await disconnect()
  await server.query(`create database ${name}_copy template ${name}`)
  const copy = postgresStore(Object.assign(new URL(url), { pathname: `${url.pathname}_copy` }).href)
  await fill(copy, 'copy')
  await copy.close()
  await fill(store, 'original')
  expect(await expectNames(store)).toBe(600)
  await disconnect()
  // The store notices the end of its idle connections, so that its next read does not fail.
  await sleep(200)
  await server.query(`alter database ${name} rename to ${name}_old`)
  await server.query(`alter database ${name}_copy rename to ${name}`)
  expect(await expectNames(store)).toBe(600)
  expect((await logOf(store)).at(-1)?.streamId).toBe('copy-300')
  await store.close()
  await server.query(`drop database ${name}_old with (force)`)
  await original.drop()
})

describe('on one server,', () => {
  let database: FreshDatabase
  let store: PostgresStore

  beforeEach(async () => {
    database = await freshDatabase()
    store = postgresStore(database.url)
    await fill(store, 'old')
    expect(await expectNames(store)).toBe(300)
  })

  afterEach(async () => {
    await store.close()
    await database.drop()
  })

  it('names are right after the tables were dropped and created again', async () => {
    await database.query('drop schema eventsourced cascade')
    const other = postgresStore(database.url)
    await fill(other, 'new')
    await other.close()
    expect(await expectNames(store)).toBe(300)
    expect((await logOf(store)).at(-1)?.streamId).toBe('new-300')
  })

  it('names are right after the tables were emptied and filled again', async () => {
    await database.query(`
      alter table eventsourced.events disable trigger protect_events;
      truncate eventsourced.events, eventsourced.streams;
      select setval('eventsourced.event_positions', 1, false), setval('eventsourced.stream_keys', 1, false)`)
    await fill(store, 'new')
    expect(await expectNames(store)).toBe(300)
  })

  it('names are right for hundreds of readers, and more streams than a store remembers', async () => {
    await database.query(`
      insert into eventsourced.streams (stream_key, version, created_at, stream_id)
      select nextval('eventsourced.stream_keys'), 2, now(), 'many-' || n from generate_series(1, 60000) n;
      insert into eventsourced.events (position, stream_key, version, recorded_at, event_id, type, data)
      select nextval('eventsourced.event_positions'), s.stream_key, v, now(), gen_random_uuid(), 'Named',
        json_build_object('streamId', s.stream_id)
      from generate_series(1, 2) v, eventsourced.streams s where s.stream_id like 'many-%'`)
    const readers = range(0, 299).map((number) =>
      expectNames(store, {
        after: number * 400,
        limit: number % 3 === 0 ? 50 : 1500,
        direction: number % 2 === 0 ? 'forward' : 'backward',
      }),
    )
    expect(await expectNames(store)).toBe(120_300)
    for (const count of await Promise.all(readers)) expect(count).toBeGreaterThan(0)
    expect(await expectNames(store, { direction: 'backward' })).toBe(120_300)
  })

  it('an event whose stream is missing is an error that names its position', async () => {
    await database.query(`delete from eventsourced.streams where stream_id = 'old-200'`)
    const error = { code: 'schema-mismatch', message: expect.stringContaining('position 200 ') }
    const options = [
      {},
      { after: 199, limit: 1 },
      { direction: 'backward' },
      { direction: 'backward', until: 200, limit: 3 },
      { types: ['Named'] },
    ] as const
    // A store that remembers the name may still show it.
    const other = postgresStore(database.url)
    for (const option of options) await expect(logOf(other, option)).rejects.toMatchObject(error)
    await database.query(`insert into eventsourced.streams (stream_key, version, created_at, stream_id)
      select 1000 + n, 1, now(), 'old-' || n from generate_series(301, 700) n`)
    await expect(logOf(other, { streamPrefix: 'old' })).rejects.toMatchObject(error)
    await other.close()
  })

  it('a transaction that is rolled back leaves no name', async () => {
    const session = await database.session()
    await session.query('begin')
    await fill(store.inTransaction(session), 'rolled-back')
    expect(await expectNames(store)).toBe(300)
    await session.query('rollback')
    await fill(store, 'new')
    expect(await expectNames(store)).toBe(600)
  })
})

describe('behind one address,', () => {
  let servers: OwnServer[]
  let address: CuttingPostgresProxy

  beforeEach(async () => {
    servers = await Promise.all([startOwnServer([]), startOwnServer([])])
    for (const [index, { url }] of servers.entries()) {
      const store = postgresStore(url)
      await fill(store, `server-${index}`, 2500)
      await store.close()
    }
    address = await CuttingPostgresProxy.start((servers[0] as OwnServer).url)
  })

  afterEach(async () => {
    await address.stop()
    await Promise.all(servers.map((server) => server.remove()))
  })

  it('names are right after another server has taken over, also for readers in the middle', async () => {
    const store = postgresStore(address.url)
    const prefixes = new Set<string | undefined>()
    for (const round of range(1, 6)) {
      const readers = range(1, 30).map(() =>
        expectNames(store).catch((error: unknown) => {
          // The other server does not have the event that this reader has returned last.
          if (!hasCode(error, 'log-truncated')) throw error
        }),
      )
      address.leadTo((servers[round % 2] as OwnServer).url)
      await sleep(10 * round)
      address.cutAll()
      await Promise.all(readers)
      prefixes.add((await logOf(store, { limit: 1 }))[0]?.streamId)
      expect(await expectNames(store)).toBe(2500)
    }
    expect([...prefixes].sort()).toEqual(['server-0-1', 'server-1-1'])
    await store.close()
  }, 60_000)
})

describe('in a page', () => {
  const statements = statementsOf('eventsourced')
  const query = { ...wholeLog, limit: 1000 }

  /**
   * A database with one event in each stream. Its answers are those of the servers in `origins`, one after the other.
   * The names begin with the server's, or with `name`.
   */
  function scripted(origins: readonly (string | Error)[], events = 2, name?: string) {
    const asked: string[] = []
    const run: RunRead = async (_what, statement, parameters) => {
      const values = parameters(false)
      const isNames = statement === statements.streamNames
      asked.push(isNames ? `names ${values[0]}` : `page, named: ${values.at(-1) ?? 'if short'}`)
      const origin = origins[asked.length - 1] ?? origins.at(-1)
      if (origin === undefined || origin instanceof Error) throw origin
      const namesOf = (keys: readonly number[]) =>
        JSON.stringify([keys, keys.map((key) => `${name ?? origin} ${key}`)])
      if (isNames) return [{ names: namesOf(JSON.parse(`[${values[0]?.slice(1, -1)}]`)), origin }]
      const keys = range(1, events)
      const row = {
        event_count: events,
        ...Object.fromEntries(
          ['positions', 'versions', 'recorded_ats', 'event_ids', 'types', 'data'].map((column) => [
            column,
            JSON.stringify(keys),
          ]),
        ),
        metadata: null,
        tags: null,
        stream_keys: JSON.stringify(keys),
        names: values.at(-1) === 'true' || (events === 1 && values.at(-1) === null) ? namesOf(keys) : null,
      }
      const end = { frontier: '9', through: '9', head: '9', server: origin, is_full: 'false', origin }
      return [row, end]
    }
    return { asked, run }
  }

  const namesIn = async (log: Log, run: RunRead) =>
    (await log.readPage(run, query)).events.map((e) => e.streamId)

  it('names are asked for once', async () => {
    const log = new Log(statements)
    const { asked, run } = scripted(['a'])
    for (const _ of range(1, 3)) expect(await namesIn(log, run)).toEqual(['a 1', 'a 2'])
    expect(asked).toEqual([
      'page, named: if short',
      'names {1,2}',
      ...range(1, 2).map(() => 'page, named: if short'),
    ])
  })

  it('names are those of the server that has the page, although another one answers for the names', async () => {
    const log = new Log(statements)
    const { asked, run } = scripted(['a', 'b', 'b'])
    const page = await log.readPage(run, query)
    expect(page.server).toBe('b')
    expect(page.events.map(({ streamId }) => streamId)).toEqual(['b 1', 'b 2'])
    expect(asked).toEqual(['page, named: if short', 'names {1,2}', 'page, named: true'])
    expect(await namesIn(log, scripted(['a']).run)).toEqual(['a 1', 'a 2'])
  })

  it('names are left out of short pages once they are known', async () => {
    const log = new Log(statements)
    const { asked, run } = scripted(['a'])
    for (const _ of range(1, 20)) await namesIn(log, run)
    expect(asked.at(-1)).toBe('page, named: false')
    const more = scripted(['a'], 3)
    for (const _ of range(1, 2)) expect(await namesIn(log, more.run)).toEqual(['a 1', 'a 2', 'a 3'])
    expect(more.asked).toEqual(['page, named: false', 'names {3}', 'page, named: if short'])
  })

  it('names of another server are forgotten', async () => {
    const log = new Log(statements)
    for (const origin of ['a', 'b', 'a', 'a'])
      expect(await namesIn(log, scripted([origin]).run)).toEqual([`${origin} 1`, `${origin} 2`])
  })

  it('names are forgotten after a failure, also by a read that began before', async () => {
    const log = new Log(statements)
    const first = scripted(['a'])
    expect(await namesIn(log, first.run)).toEqual(['a 1', 'a 2'])
    let letPass = () => {}
    const passes = new Promise<void>((resolve) => {
      letPass = resolve
    })
    const slow = scripted(['a'], 4)
    const slowRun: RunRead = async (what, statement, parameters) => {
      const rows = await slow.run(what, statement, parameters)
      if (statement === statements.streamNames) await passes
      return rows
    }
    const reading = namesIn(log, slowRun)
    await expect(namesIn(log, scripted([new Error('lost')]).run)).rejects.toThrow('lost')
    letPass()
    expect(await reading).toEqual(['a 1', 'a 2', 'a 3', 'a 4'])
    expect(slow.asked.at(-1)).toBe('page, named: true')
  })

  it('names are kept when the caller aborts a read', async () => {
    const log = new Log(statements)
    await namesIn(log, scripted(['a']).run)
    const aborted = log.readPage(scripted([new Error('aborted')]).run, query, AbortSignal.abort())
    await expect(aborted).rejects.toThrow('aborted')
    const { asked, run } = scripted(['a'])
    await namesIn(log, run)
    expect(asked).toEqual(['page, named: if short'])
  })

  it('names are forgotten when a read is retried', async () => {
    const log = new Log(statements)
    await namesIn(log, scripted(['a']).run)
    // A crashed server has lost commits, and has assigned their keys again. Its start time is the same.
    const { asked, run } = scripted(['a'], 2, 'after')
    const retried: RunRead = (what, statement, parameters) => {
      parameters(true)
      return run(what, statement, parameters)
    }
    expect(await namesIn(log, retried)).toEqual(['after 1', 'after 2'])
    expect(asked).toEqual(['page, named: if short', 'page, named: true'])
    expect(await namesIn(log, run)).toEqual(['after 1', 'after 2'])
  })

  it('names that a page has count more than remembered ones, which are then forgotten', async () => {
    const log = new Log(statements)
    expect(await namesIn(log, scripted(['a'], 2, 'old').run)).toEqual(['old 1', 'old 2'])
    expect(await namesIn(log, scripted(['a'], 1, 'new').run)).toEqual(['new 1'])
    expect(await namesIn(log, scripted(['a'], 2, 'new').run)).toEqual(['new 1', 'new 2'])
  })

  it('names are kept when a row is too large', async () => {
    const log = new Log(statements)
    await namesIn(log, scripted(['a']).run)
    const tooLarge = Object.assign(new Error('out of memory'), { code: '54000', severity: 'ERROR' })
    const { asked, run } = scripted([tooLarge, 'a'])
    expect(await namesIn(log, run)).toEqual(['a 1', 'a 2'])
    expect(asked).toEqual(['page, named: if short', 'page, named: if short'])
  })
})
