// The code of a user of the package. The package check compiles it against the published declarations; it never runs.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { commandHandler, decider, foldStream, hasCode, memoryStore } from '@eventsourced/core'
import { conformanceCases } from '@eventsourced/core/conformance'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { postgresStore } from '@eventsourced/core/postgres'
import { given } from '@eventsourced/core/testing'
import pg from 'pg'
import postgres from 'postgres'

type CounterEvent = { type: 'Increased'; data: { by: number } } | { type: 'Reset'; data: null }

const counter = decider({
  initialState: () => 0,
  decide: (command: { increaseBy: number }): CounterEvent => ({
    type: 'Increased',
    data: { by: command.increaseBy },
  }),
  evolve: (total, event) => (event.type === 'Reset' ? 0 : total + event.data.by),
})

export async function use(): Promise<number> {
  const store = memoryStore()
  const handle = commandHandler({ store, decider: counter })
  const { state, events } = await handle('counter-1', { increaseBy: 1 })
  const position: number | undefined = events[0]?.position
  const past: number = (await foldStream(store, 'counter-1', counter, { toVersion: 1 })).state
  await store.append('counter-1', []).catch((error: unknown) => {
    if (hasCode(error, 'wrong-expected-version')) console.log(error.actual)
  })
  await store.close()
  return state + past + (position ?? 0)
}

export const stores = [
  postgresStore('postgres://localhost/app'),
  postgresStore(new pg.Pool()),
  postgresStore(new pg.Client()),
  postgresStore(postgres()),
]

export const dynamo = [dynamodbStore({ client: new DynamoDBClient() }), dynamodbStore({ table: 'shop' })]

export async function inOwnTransaction(client: pg.PoolClient, sql: postgres.Sql): Promise<void> {
  await stores[0]?.inTransaction(client).append('a', [])
  await sql.begin(async (transaction) => {
    await stores[0]?.inTransaction(transaction).append('a', [])
  })
}

given(counter).when({ increaseBy: 2 })
export const cases: number = conformanceCases.length
