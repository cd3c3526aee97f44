// The code of a user of the package. The package check compiles it against the published declarations; it never runs.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  commandHandler,
  decider,
  defineEvents,
  foldStream,
  hasCode,
  memoryStore,
  mergeEvents,
  payload,
  projection,
  type RecordedEvent,
} from '@eventsourced/core'
import { conformanceCases } from '@eventsourced/core/conformance'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { lambdaHandler } from '@eventsourced/core/dynamodb/lambda'
import { cloudFormation, iamPolicy, terraform } from '@eventsourced/core/dynamodb/templates'
import { type Health, health, healthz, livez } from '@eventsourced/core/health'
import { answer, commandOptions, sse, streamPage, withProblems } from '@eventsourced/core/http'
import { expressHandler } from '@eventsourced/core/http/express'
import { fastifyHandler } from '@eventsourced/core/http/fastify'
import { otel } from '@eventsourced/core/otel'
import { postgresStore } from '@eventsourced/core/postgres'
import { prometheus } from '@eventsourced/core/prometheus'
import { given } from '@eventsourced/core/testing'
import * as api from '@opentelemetry/api'
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

// TypeScript 5.4 needs the `as const`.
const lamps = defineEvents(
  { Switched: payload<{ isOn: boolean; by: 'hand' | 'clock' }>(), Broken: payload<null>() },
  {
    upcasts: {
      Switched: { 1: (old: { on: boolean }) => ({ isOn: old.on, by: 'hand' as const }) },
      Dimmed: {},
    },
  },
)
const house = mergeEvents(lamps, defineEvents({ Rang: payload<{ door: string }>() }))

const lamp = lamps.decider({
  initialState: (): { status: 'off' | 'on' | 'broken' } => ({ status: 'off' }),
  commands: {
    switch: (isOn: boolean, { status }) =>
      status === 'broken' ? undefined : { type: 'Switched', data: { isOn, by: 'hand' } },
    smash: (_data: undefined) => ({ type: 'Broken', data: null }),
  },
  evolve: {
    Switched: (_state, { isOn }) => ({ status: isOn ? 'on' : 'off' }),
    Broken: () => ({ status: 'broken' }),
  },
})

export async function useCatalogue(): Promise<boolean> {
  const store = memoryStore({ events: house })
  const handle = commandHandler({ store, decider: lamp })
  const { state } = await handle('lamp-1', { type: 'switch', data: true })
  await handle('lamp-1', { type: 'smash' })
  await store.append('door-1', [{ type: 'Rang', data: { door: 'front' } }])
  const doors: string[] = []
  for await (const { data } of store.readAll({ types: ['Rang'] })) doors.push(data.door)
  const rings = house.pick('Rang').subscription({ name: 'rings', handle: ({ data }) => void data.door })
  await store.runOnce(rings)
  return state.status === 'on'
}

export const stores = [
  postgresStore('postgres://localhost/app'),
  postgresStore(new pg.Pool()),
  postgresStore(new pg.Client()),
  postgresStore(postgres()),
]

export const dynamo = [dynamodbStore({ client: new DynamoDBClient() }), dynamodbStore({ table: 'shop' })]

export const handler = lambdaHandler(dynamodbStore<CounterEvent>(), [
  { name: 'resets', types: ['Reset'], handle: ({ streamId, data }) => console.log(streamId, data) },
])

export const infrastructure: readonly string[] = [
  cloudFormation({ table: 'shop', tags: { team: 'shop' }, replicas: [{ region: 'eu-central-1' }] }),
  terraform({ pointInTimeRecovery: 7 }),
  ...iamPolicy({ for: 'reader', region: 'cn-north-1' }).Statement.flatMap(({ Action }) => Action),
]

export async function inOwnTransaction(client: pg.PoolClient, sql: postgres.Sql): Promise<void> {
  await stores[0]?.inTransaction(client).append('a', [])
  await sql.begin(async (transaction) => {
    await stores[0]?.inTransaction(transaction).append('a', [])
  })
}

const counts = memoryStore()
const increase = commandHandler({ store: counts, decider: counter })

const totals = projection({
  name: 'totals',
  key: ({ streamId }: RecordedEvent<CounterEvent>) => streamId,
  initialState: () => 0,
  evolve: (total, { type, data }) => (type === 'Reset' ? 0 : total + data.by),
})

export const web = expressHandler(
  withProblems(async (request, { originalUrl }: { originalUrl: string }) =>
    request.method === 'GET'
      ? streamPage(counts, request, originalUrl)
      : answer(await increase(originalUrl, { increaseBy: 1 }, commandOptions(request)), { request }),
  ),
)

given(counter).when({ increaseBy: 2 })
export const cases: number = conformanceCases.length

export async function monitored(request: Request): Promise<readonly Response[]> {
  const store = postgresStore('postgres://localhost/database', { events: house })
  const { status, checks }: Health = await health(store, { subscriptions: ['mailer'] })
  for (const check of checks) if (check.name === 'subscription') console.log(status, check.lag)
  const metrics = prometheus()
  const lagging = dynamodbStore({ onMetric: metrics.measure })
  const handlers = [healthz(store), livez(lagging), metrics.handler(store)]
  return Promise.all(handlers.map((handler) => handler(request)))
}

export const traced = memoryStore({ observe: otel(api), onMetric: prometheus().measure })

export const live = fastifyHandler(async (request) => {
  for await (const { state, position } of counts.view(totals).watch('a', { after: 0 })) {
    if (state !== undefined && state > position) break
  }
  return sse(counts.view(totals), request, { prefix: '' })
})
