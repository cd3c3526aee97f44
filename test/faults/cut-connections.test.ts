/** Connections cut at every message of the protocol: a call takes effect completely or not at all, and once despite retries. */
import { StoreUnavailableError } from '@eventsourced/core'
import {
  type PostgresConnection,
  type PostgresStore,
  type PostgresStoreOptions,
  postgresStore,
} from '@eventsourced/core/postgres'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counted, identified, logOf, range } from '../../src/conformance/events.ts'
import { failure } from '../../src/conformance/expect.ts'
import { CuttingPostgresProxy, type Verdict, type WireMessage } from '../cutting-proxy.ts'
import { type FreshDatabase, freshDatabase } from '../postgres/fresh-database.ts'

type Call = (store: PostgresStore, streamId: string) => () => Promise<unknown>

/** Calls that write. Each has its own event ids, and the versions that its streams must have afterwards. */
const calls: Readonly<
  Record<string, { readonly prepare: Call; readonly leaves: Readonly<Record<string, number>> }>
> = {
  append: {
    prepare: (store, streamId) => {
      const events = identified(3)
      return () => store.append(streamId, events, { expectedVersion: 0 })
    },
    leaves: { '': 3 },
  },
  appendAll: {
    prepare: (store, streamId) => {
      const appends = ['', '-2'].map((end) => ({ streamId: streamId + end, events: identified(2) }))
      return () => store.appendAll(appends)
    },
    leaves: { '': 2, '-2': 2 },
  },
  import: {
    prepare: (store, streamId) => {
      const source = range(1, 6).flatMap((number) =>
        identified(1).map((event) => ({ ...event, streamId: number % 2 === 0 ? streamId : `${streamId}-2` })),
      )
      return () => store.import(source)
    },
    leaves: { '': 3, '-2': 3 },
  },
}

/** The last message of a client that closes its connection (Terminate). It may arrive at any time. */
const farewell = 'X'

/** Opens a store of some kind that reaches the database through the proxy. */
type Open = (
  url: string,
  retries: number,
  schema?: string,
) => { store: PostgresStore; close(): Promise<void> }

function opened(
  connection: PostgresConnection,
  options: PostgresStoreOptions,
  end = async () => {},
): ReturnType<Open> {
  // Only one connection, so that all messages belong to the call under test.
  const store = postgresStore(connection, { ...options, maxConnections: 1 })
  return {
    store,
    async close() {
      await store.close()
      await end()
    },
  }
}

const kinds: readonly [string, string, Open][] = [
  ['pg', 'read committed', (url, retries, schema) => opened(url, { retries, schema })],
  // Here the store wraps each statement in a transaction: `begin` and `commit` are separate messages.
  [
    'pg, in explicit transactions,',
    'repeatable read',
    (url, retries, schema) => opened(url, { retries, schema }),
  ],
  [
    'postgres.js',
    'read committed',
    (url, retries, schema) => {
      const sql = postgres(url, { max: 1, fetch_types: false, backoff: false })
      return opened(sql, { retries, schema }, () => sql.end({ timeout: 1 }))
    },
  ],
]

describe.each(kinds)('with %s', (name, isolation, open) => {
  let database: FreshDatabase
  let proxy: CuttingPostgresProxy
  let observer: PostgresStore
  let next = 0

  beforeAll(async () => {
    database = await freshDatabase()
    await database.query(
      `alter database ${new URL(database.url).pathname.slice(1)} set default_transaction_isolation = '${isolation}'`,
    )
    observer = postgresStore(database.url)
    await observer.schema.create()
    proxy = await CuttingPostgresProxy.start(database.url)
  })

  afterAll(async () => {
    await observer.close()
    await proxy.stop()
    await database.drop()
  })

  async function expectOnce(
    streamId: string,
    leaves: Readonly<Record<string, number>>,
    cut: string,
  ): Promise<void> {
    for (const [end, version] of Object.entries(leaves)) {
      expect((await observer.readStream(streamId + end)).version, cut).toBe(version)
    }
  }

  /** Records the messages of a call. */
  async function messagesOf(work: () => Promise<unknown>): Promise<WireMessage[]> {
    const messages: WireMessage[] = []
    proxy.cutWhen((message) => {
      if (message.type !== farewell) messages.push(message)
      return 'pass'
    })
    await work()
    proxy.cutWhen(undefined)
    return messages
  }

  /** Cuts once, at the message with this 0-based index. */
  function cutAt(index: number, verdict: Verdict = 'cut before'): void {
    let passed = 0
    proxy.cutWhen(({ type }) => {
      if (type === farewell) return 'pass'
      return passed++ === index ? verdict : 'pass'
    })
  }

  /** Repeats the work once for each message of a call, each time with a cut before that message. */
  async function beforeEachMessage(
    messages: readonly WireMessage[],
    work: (streamId: string, cut: string) => Promise<void>,
  ): Promise<void> {
    for (const [index, { from, type }] of messages.entries()) {
      // Parameters at the start and the answers to a script are runs of equal messages. Only the first is cut.
      if (type === messages[index - 1]?.type) continue
      const cuts = proxy.cuts
      cutAt(index)
      const cut = `cut before message ${index} ('${type}' of the ${from})`
      await work(`stream-${++next}`, cut)
      expect(proxy.cuts, cut).toBe(cuts + 1)
    }
    proxy.cutWhen(undefined)
  }

  it.each(Object.entries(calls))(
    '%s succeeds, and takes effect once, wherever it is cut off',
    async (_, { prepare, leaves }) => {
      const { store, close } = open(proxy.url, 9)
      await store.append('warm', identified(1))
      await prepare(store, `stream-${++next}`)()
      const messages = await messagesOf(prepare(store, `stream-${++next}`))
      expect(messages.length).toBeGreaterThan(5)
      await beforeEachMessage(messages, async (streamId, cut) => {
        await prepare(store, streamId)()
        await expectOnce(streamId, leaves, cut)
        // One more call prepares the statements on the new connection, so that the next call has the same messages.
        proxy.cutWhen(undefined)
        await prepare(store, `stream-${++next}`)()
      })
      await close()
    },
  )

  it('the first append of a store succeeds, and takes effect once, wherever its connection is cut off', async () => {
    const connecting = open(proxy.url, 9)
    const messages = await messagesOf(() => connecting.store.append('first', identified(1)))
    await connecting.close()
    await beforeEachMessage(messages, async (streamId, cut) => {
      const { store, close } = open(proxy.url, 9)
      await store.append(streamId, identified(2), { expectedVersion: 0 })
      await expectOnce(streamId, { '': 2 }, cut)
      await close()
    })
  })

  it('the tables are created, wherever the connection is cut off', { timeout: 180_000 }, async ({ skip }) => {
    const fault = 'ends the process when it loses a connection in a transaction (porsager/postgres#1208)'
    skip(name === 'postgres.js', `postgres.js ${fault}`)
    const creating = open(proxy.url, 9, 'first')
    const messages = await messagesOf(() => creating.store.schema.create())
    await creating.close()
    await beforeEachMessage(messages, async (_, cut) => {
      const { store, close } = open(proxy.url, 9, `made_${next}`)
      expect(await store.schema.create(), cut).toMatchObject({ upToDate: true })
      expect(await store.append('a', identified(1)), cut).toMatchObject({ version: 1, position: 1 })
      await close()
    })
  })

  it('an append without retries takes effect completely or not at all, and once when the caller repeats it', async () => {
    const { store, close } = open(proxy.url, 0)
    await store.append('warm-too', identified(1))
    const outcomes = new Set<string>()
    const messages = await messagesOf(() => store.append('measured', identified(3)))
    await beforeEachMessage(messages, async (streamId, cut) => {
      const events = identified(3)
      const append = () => store.append(streamId, events, { expectedVersion: 0 })
      const failure = await append().catch((error: unknown) => error)
      proxy.cutWhen(undefined)
      const { version } = await observer.readStream(streamId)
      expect([0, 3], cut).toContain(version)
      const { deduplicated } = failure instanceof Error ? await append() : { deduplicated: true }
      if (failure instanceof Error) expect(failure, cut).toBeInstanceOf(StoreUnavailableError)
      if (version === 3) expect(deduplicated, cut).toBe(true)
      await expectOnce(streamId, { '': 3 }, cut)
      outcomes.add(deduplicated ? 'was done' : 'was not done')
      await store.append('warm-too', identified(1))
    })
    expect([...outcomes].sort()).toEqual(['was done', 'was not done'])
    await close()
  })

  it.each([1, 2, 100, 10_000])(
    'an append of %i events that is cut off within or between messages takes effect completely or not at all',
    async (size) => {
      const { store, close } = open(proxy.url, 0)
      await store.append('warm of size', identified(1))
      const messages = await messagesOf(() => store.append(`measured ${size}`, counted(size)))
      const outcomes = new Set<number>()
      for (const verdict of ['cut before', 'cut within'] as const) {
        for (const [index, { from, type }] of messages.entries()) {
          // Only the first message of each run of equal messages is cut.
          if (type === messages[index - 1]?.type) continue
          const [cut, streamId] = [
            `${verdict} message ${index} ('${type}' of the ${from})`,
            `sized-${++next}`,
          ]
          const cuts = proxy.cuts
          cutAt(index, verdict)
          const events = identified(size)
          const failed = await failure(store.append(streamId, events, { expectedVersion: 'noStream' }))
          expect(failed, cut).toBeInstanceOf(StoreUnavailableError)
          expect(proxy.cuts, cut).toBe(cuts + 1)
          proxy.cutWhen(undefined)
          // This uses a new connection: the store never uses the lost one again.
          const { deduplicated } = await store.append(streamId, events, { expectedVersion: 'noStream' })
          const { version } = await observer.readStream(streamId, { limit: 1 })
          expect(version, cut).toBe(size)
          outcomes.add(deduplicated ? size : 0)
        }
      }
      expect([...outcomes].sort()).toEqual([0, size].sort())
      await close()
    },
  )

  it('leaves a log without gaps in any stream', async () => {
    const versions = new Map<string, number>()
    for (const { streamId, version } of await logOf(observer)) {
      expect(version).toBe((versions.get(streamId) ?? 0) + 1)
      versions.set(streamId, version)
    }
    expect((await observer.frontier()).writers).toEqual([])
  })
})
