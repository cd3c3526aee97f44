/** Connections that cannot be opened: wrong port, host, password or database. */
import { type AddressInfo, createServer } from 'node:net'
import { StorageError, StoreUnavailableError } from '@eventsourced/core'
import { type PostgresConnection, postgresStore } from '@eventsourced/core/postgres'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counted, logOf } from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase

beforeAll(async () => {
  database = await freshDatabase()
})

afterAll(() => database.drop())

const ways: [string, (url: string) => { connection: PostgresConnection; end(): Promise<void> }][] = [
  ['a URL', (url) => ({ connection: url, end: async () => {} })],
  [
    'postgres.js',
    (url) => {
      const sql = postgres(url)
      return { connection: sql, end: () => sql.end({ timeout: 1 }) }
    },
  ],
]

describe.each(ways)('a store on %s', (_, connect) => {
  it.each<[string, Partial<URL>, object]>([
    // No retry: nothing shows that a server has ever listened there.
    [
      'port',
      { port: '1' },
      { name: StoreUnavailableError.name, retries: 0, cause: { code: 'ECONNREFUSED' } },
    ],
    ['host', { hostname: 'nowhere.invalid' }, { name: StoreUnavailableError.name, retries: 0 }],
    ['password', { password: 'wrong' }, { name: StorageError.name, cause: { code: '28P01' } }],
    ['database', { pathname: '/nowhere' }, { name: StorageError.name, cause: { code: '3D000' } }],
  ])('reports a wrong %s with a typed error, at once', async (_, wrong, expected) => {
    const { connection, end } = connect(Object.assign(new URL(database.url), wrong).href)
    const store = postgresStore(connection)
    await expect(store.append('a', counted(1))).rejects.toMatchObject(expected)
    await expect(logOf(store)).rejects.toMatchObject(expected)
    await expect(store.schema.create()).rejects.toMatchObject(expected)
    await store.close()
    await end()
  })

  it('reports a server that accepts connections and never answers, after one timeout', async () => {
    const server = createServer((socket) => socket.on('error', () => {}))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { connection, end } = connect(Object.assign(new URL(database.url), { port: String(port) }).href)
    const timeout = 300
    const store = postgresStore(connection, { timeout })
    const start = performance.now()
    const expected = { name: StoreUnavailableError.name, retries: 0 }
    await expect(store.append('a', counted(1))).rejects.toMatchObject(expected)
    // Retries would take ten timeouts, and the pauses between them.
    expect(performance.now() - start).toBeLessThan(5 * timeout)
    await store.close()
    await end()
    server.close()
  })
})
