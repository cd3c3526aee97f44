/** The checks before the first use of a store. Each fault is provoked on a real server, and reported with a stable code. */

import { isDeepStrictEqual } from 'node:util'
import { projection, type StoreWarning } from '@eventsourced/core'
import { type PostgresStore, type PostgresStoreOptions, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { counted, logOf } from '../../src/conformance/events.ts'
import { connections } from './connections.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'
import { type OwnServer, startOwnServer } from './own-server.ts'

const counts = projection({
  name: 'counts',
  key: ({ streamId }) => streamId,
  initialState: () => 0,
  evolve: (count: number) => count + 1,
})

/** Returns the codes of the warnings at the first use of a store, in their order. */
async function warningsOn(
  url: string,
  connect: (typeof connections)[number][1],
  use: (store: PostgresStore) => Promise<unknown> = (store) => store.append('a', counted(1)),
): Promise<string[]> {
  const warnings: StoreWarning[] = []
  const { connection, end } = connect(url)
  const store = postgresStore(connection, { onWarning: (warning) => warnings.push(warning) })
  await use(store)
  await store.close()
  await end()
  for (const { message } of warnings) expect(message).toMatch(/when (its machine|the server) fails.* Set /)
  return warnings.map(({ code }) => code)
}

describe('settings under which events may be lost', () => {
  let server: OwnServer
  let admin: pg.Client

  beforeAll(async () => {
    server = await startOwnServer([])
    admin = new pg.Client(server.url)
    await admin.connect()
  })

  afterAll(async () => {
    await admin.end()
    await server.remove()
  })

  afterEach(() => set('reset'))

  /** Changes settings for new connections, or resets all of them. */
  async function set(
    ...changes: readonly (readonly [name: string, value: string] | 'reset')[]
  ): Promise<void> {
    for (const change of changes) {
      await admin.query(
        change === 'reset' ? 'alter system reset all' : `alter system set ${change[0]} = ${change[1]}`,
      )
    }
    await admin.query('select pg_reload_conf()')
    const wanted = changes.filter((change) => change !== 'reset').map(([name, value]) => `${name} ${value}`)
    // The server reloads the settings before its sessions do. So once this session has them, the server has them too.
    const present = async () =>
      (
        await admin.query(
          `select name || ' ' || setting as one from pg_settings where sourcefile like '%/postgresql.auto.conf'`,
        )
      ).rows.map(({ one }) => one)
    while (!isDeepStrictEqual((await present()).sort(), wanted.sort())) await new Promise(setImmediate)
  }

  describe.each(connections)('with %s', (_name, connect) => {
    it('do not occur with the defaults of Postgres', async () => {
      expect(await warningsOn(server.url, connect)).toEqual([])
    })

    it.each([
      ['fsync', 'fsync-off'],
      ['full_page_writes', 'full-page-writes-off'],
      ['synchronous_commit', 'synchronous-commit-off'],
    ])('%s = off causes the warning %s', async (setting, code) => {
      await set([setting, 'off'])
      expect(await warningsOn(server.url, connect)).toEqual([code])
    })

    it.each(['local', 'remote_write', 'remote_apply'])(
      'synchronous_commit = %s causes no warning',
      async (value) => {
        await set(['synchronous_commit', value])
        expect(await warningsOn(server.url, connect)).toEqual([])
      },
    )

    it('cause one warning each, however often the store is used, and whichever call comes first', async () => {
      await set(['fsync', 'off'], ['full_page_writes', 'off'], ['synchronous_commit', 'off'])
      const all = ['fsync-off', 'full-page-writes-off', 'synchronous-commit-off']
      expect(
        await warningsOn(server.url, connect, async (store) => {
          await Promise.all([store.readStream('a'), store.append('a', counted(1)), store.streamInfo('a')])
          await store.append('a', counted(1))
        }),
      ).toEqual(all)
      expect(await warningsOn(server.url, connect, (store) => store.streamInfo('a'))).toEqual(all)
    })
  })

  it('belong to the session: synchronous_commit may be off only for the role of the application', async () => {
    await admin.query(
      `create role careless superuser login password 'secret'; alter role careless set synchronous_commit = off`,
    )
    const url = new URL(server.url)
    url.username = 'careless'
    url.password = 'secret'
    expect(await warningsOn(url.href, (url) => ({ connection: url, end: async () => {} }))).toEqual([
      'synchronous-commit-off',
    ])
  })

  it('cause a warning of the process if there is no onWarning', async () => {
    await set(['full_page_writes', 'off'])
    const heard: unknown[] = []
    const hear = (warning: unknown) => heard.push(warning)
    process.on('warning', hear)
    const store = postgresStore(server.url)
    await store.append('a', counted(1))
    await new Promise(setImmediate)
    process.removeListener('warning', hear)
    await store.close()
    expect(heard).toMatchObject([{ name: 'EventSourcedWarning', code: 'full-page-writes-off' }])
  })

  it('can be refused, if onWarning throws', async () => {
    await set(['full_page_writes', 'off'])
    const refusal = new Error('not in production')
    let asked = 0
    const onWarning = () => {
      asked++
      // The first refusal is a rejected promise, which must not end the process.
      if (asked === 1) return Promise.reject(refusal)
      throw refusal
    }
    const store = postgresStore(server.url, { onWarning })
    const { version } = (await once(server.url).streamInfo('a')) ?? { version: 0 }
    await expect(store.append('a', counted(1))).rejects.toBe(refusal)
    expect(asked).toBe(1)
    await expect(store.readStream('a')).rejects.toBe(refusal)
    expect(await once(server.url).streamInfo('a')).toMatchObject({ version })
    await set('reset')
    expect(await store.append('a', counted(1))).toMatchObject({ version: version + 1 })
    await store.close()
  })

  it('cause no warning on PGlite, where the settings say nothing about durability', async () => {
    const warnings: StoreWarning[] = []
    const store = postgresStore('pglite:memory', { onWarning: (warning) => warnings.push(warning) })
    await store.append('a', counted(1))
    await store.close()
    expect(warnings).toEqual([])
  })
})

describe('a sequence that would break the order of the log', () => {
  let database: FreshDatabase
  const opened: PostgresStore[] = []

  beforeEach(async () => {
    database = await freshDatabase()
    const store = open()
    await store.append('a', counted(3))
  })

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()))
    await database.drop()
  })

  function open(options?: PostgresStoreOptions) {
    const store = postgresStore(database.url, options)
    opened.push(store)
    return store
  }

  async function expectRefusal(refusal: object): Promise<void> {
    const store = open()
    await expect(store.append('a', counted(1))).rejects.toMatchObject(refusal)
    await expect(logOf(store)).rejects.toMatchObject(refusal)
    expect(await database.query('select from eventsourced.events')).toHaveLength(3)
  }

  it.each([
    ['caches numbers', 'cache 10'],
    ['skips numbers', 'increment by 2'],
    ['goes down', 'increment by -1 minvalue 1 maxvalue 1000'],
    ['cycles', 'cycle'],
  ])('is refused if it %s, until that is corrected', async (_, change) => {
    await database.query(`alter sequence eventsourced.event_positions ${change}`)
    await expectRefusal({ code: 'schema-mismatch', message: expect.stringContaining('alter sequence') })
    await database.query(
      'alter sequence eventsourced.event_positions increment by 1 cache 1 no cycle no maxvalue',
    )
    expect(await open().append('a', counted(1))).toMatchObject({ position: 4 })
  })

  it.each([
    ['was not restored with the events', 'restart', 0],
    ['was set back by one', 'restart with 3', 2],
  ])('is refused if it %s, and the error says how to correct it', async (_, change, head) => {
    await database.query(`alter sequence eventsourced.event_positions ${change}`)
    if (head > 0) await database.query(`select setval('eventsourced.event_positions', ${head})`)
    await expectRefusal({ code: 'sequence-behind', head, lastPosition: 3 })
    const refusal = await open()
      .append('a', counted(1))
      .catch((error: unknown) => error)
    const [, correction = ''] = /run `(.*?)`/.exec(String(refusal)) ?? []
    await database.query(correction)
    expect(await open().append('a', counted(1))).toMatchObject({ position: 4 })
  })

  // The fault: the store looked once, at its first use. Behind the same address a copy of the database took over, whose
  // sequence lagged. The next appends got positions below the checkpoints of subscriptions, which never handled them.
  it('is refused by every append if it falls back while the store is open, until it is corrected', async () => {
    const store = open({ inline: [] })
    await database.query(`select setval('eventsourced.event_positions', 100)`)
    await store.append('a', counted(1))
    await database.query(`select setval('eventsourced.event_positions', 7)`)
    const session = await database.session()
    await session.query('begin')
    const uses: (() => Promise<unknown>)[] = [
      () => store.append('a', counted(1)),
      () => Promise.all([1, 2].map(() => store.append('b', counted(1)))),
      () => store.appendAll([{ streamId: 'c', events: counted(1) }]),
      () => store.import([{ streamId: 'd', type: 'Imported', data: 1 }], { name: 'old' }),
      () => store.inTransaction(session).append('e', counted(1)),
    ]
    const refusals = await Promise.all(uses.map((use) => use().catch((error: unknown) => error)))
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ code: 'sequence-behind', head: 7, lastPosition: 101 })
    }
    await session.query('rollback')
    expect(await database.query('select from eventsourced.events')).toHaveLength(4)
    await database.query(/run `(.*?)`/.exec(String(refusals[0]))?.[1] ?? '')
    expect(await store.append('a', counted(1))).toMatchObject({ position: 102 })
  })

  it('is refused if it stands beyond the highest possible position', async () => {
    await database.query(`select setval('eventsourced.event_positions', ${2 ** 48})`)
    await expectRefusal({ code: 'schema-mismatch', message: expect.stringContaining('2^48') })
  })

  it('is refused if that of the keys of streams stands beyond the highest possible key', async () => {
    await database.query(`select setval('eventsourced.stream_keys', ${2 ** 48})`)
    await expectRefusal({ code: 'schema-mismatch', message: expect.stringMatching(/stream_keys.*2\^48/) })
  })

  it('is not assumed while appends are open whose positions are not committed yet', async () => {
    const session = await database.session()
    await session.query('begin')
    await open().inTransaction(session).append('b', counted(2))
    expect(await open().append('a', counted(1))).toMatchObject({ position: 6 })
    await session.query('rollback')
    expect(await open().append('a', counted(1))).toMatchObject({ position: 7 })
  })
})

describe('a replica', () => {
  let server: OwnServer
  const used: [name: string, PostgresStore, end: () => Promise<unknown>][] = []

  beforeAll(async () => {
    server = await startOwnServer([])
    await once(server.url).append('a', counted(1))
    for (const [name, connect] of connections) {
      for (const inline of [[], [counts]]) {
        const { connection, end } = connect(server.url)
        const store = postgresStore(connection, { inline, schema: `case_${used.length}`, retries: 1 })
        await store.append('a', counted(1))
        used.push([`${name}, ${inline.length} inline`, store, end])
      }
    }
    await server.becomeReplica()
  })

  afterAll(async () => {
    for (const [, store, end] of used) {
      await store.close()
      await end()
    }
    await server.remove()
  })

  it.each(connections)('is refused at the first use, with %s', async (_name, connect) => {
    const { connection, end } = connect(server.url)
    const store = postgresStore(connection, { retries: 1 })
    const refusal = { code: 'read-only-replica' }
    await expect(store.readStream('a')).rejects.toMatchObject(refusal)
    await expect(store.append('a', counted(1))).rejects.toMatchObject(refusal)
    await expect(logOf(store)).rejects.toMatchObject(refusal)
    await store.close()
    await end()
  })

  it('is refused too if the tables are missing, and no tables are created', async () => {
    const store = postgresStore(server.url, { schema: 'missing', retries: 1 })
    await expect(store.append('a', counted(1))).rejects.toMatchObject({ code: 'read-only-replica' })
    await expect(store.schema.create()).rejects.toMatchObject({ code: 'read-only-replica' })
    await store.close()
  })

  it('that was the primary at the first use is refused to appends and to readers of the log', async () => {
    expect(used).toHaveLength(6)
    for (const [name, store] of used) {
      const calls = [
        () => store.append('a', counted(1)),
        () => logOf(store),
        () => store.audit.record({ actor: 'ada', action: 'pause', target: 'a', outcome: 'done' }),
      ]
      for (const call of calls) {
        await expect(call(), name).rejects.toMatchObject({ code: 'read-only-replica' })
      }
    }
  })
})

/** Returns calls that each open and close their own store. */
function once(url: string) {
  const use = async <T>(work: (store: PostgresStore) => Promise<T>): Promise<T> => {
    const store = postgresStore(url, { onWarning: () => {} })
    return work(store).finally(() => store.close())
  }
  return {
    append: (streamId: string, events: ReturnType<typeof counted>) =>
      use((store) => store.append(streamId, events)),
    streamInfo: (streamId: string) => use((store) => store.streamInfo(streamId)),
  }
}
