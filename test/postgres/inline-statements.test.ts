/** The cost of inline projections: a group of appends takes as many statements as one append, for any number of documents. */
import { projection } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { expect, it } from 'vitest'
import { range } from '../../src/conformance/events.ts'
import { freshDatabase } from './fresh-database.ts'

const perStream = projection({
  name: 'per stream',
  key: ({ streamId }) => streamId,
  initialState: () => ({ events: 0 }),
  evolve: ({ events }) => ({ events: events + 1 }),
})
const perWord = projection({
  name: 'per word',
  key: ({ data }) => (data as { words: string[] }).words,
  initialState: () => ({ events: 0 }),
  evolve: ({ events }) => ({ events: events + 1 }),
})

it('a group of 400 appends that make 1,200 documents takes as many statements as one append', async () => {
  const database = await freshDatabase()
  const pool = new pg.Pool({ connectionString: database.url })
  let statements = 0
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...all: unknown[]) => unknown
    client.query = ((...all: unknown[]) => {
      statements++
      return query(...all)
    }) as typeof client.query
  })
  const store = postgresStore(pool, { inline: [perStream, perWord] })
  const append = (number: number) =>
    store.append(`s${number}`, [
      { type: 'Said', data: { words: [`w${number}`, `v${number % 7}`, `u${number}`] } },
    ])
  async function statementsOf(work: () => Promise<unknown>): Promise<number> {
    const before = statements
    await work()
    return statements - before
  }
  await append(0)
  const one = await statementsOf(() => append(1))
  // The calls are concurrent and share a transaction. The first one may run alone before the others.
  const many = await statementsOf(() => Promise.all(range(2, 401).map(append)))
  expect(one).toBe(2)
  // On a new connection, `begin` is a query of its own.
  expect(many).toBeLessThanOrEqual(2 * one + 1)
  const documents = await database.query<{ count: string }>('select count(*) from eventsourced.views')
  expect(Number(documents[0]?.count)).toBe(402 * 3 + 7)
  await store.close()
  await pool.end()
  await database.drop()
})

it('a projection that throws costs no connection', async () => {
  const database = await freshDatabase()
  const pool = new pg.Pool({ connectionString: database.url })
  let removed = 0
  pool.on('remove', () => removed++)
  const refusing = projection({
    name: 'refusing',
    key: ({ streamId }) => streamId,
    initialState: () => ({}),
    evolve() {
      throw new Error('refused')
    },
  })
  const store = postgresStore(pool, { inline: [refusing] })
  for (const number of range(1, 20)) {
    await expect(store.append('s', [{ type: 'Said', data: number }])).rejects.toThrow('refused')
  }
  expect(removed).toBe(0)
  await store.close()
  await pool.end()
  await database.drop()
})
