/**
 * The list of all stores under test, and how each one starts. `STORES=memory,pg npm test` runs only the named ones.
 * `start` imports a store only when a test needs it, so that importing this list loads no driver.
 */
import { isMissing } from './emulators/start.ts'
import { whyNothingPrepared } from './start-pgbouncer.ts'
import type { StoreUnderTest } from './store-under-test.ts'

const dynamodbLacks = {
  'open-transactions': 'DynamoDB has no transactions that stay open',
  'large-transactions': 'a transaction of DynamoDB has 100 items at most',
}

const all: readonly StoreUnderTest[] = [
  {
    name: 'memory',
    lacks: {
      'shared-data': 'a store in memory is its own data',
      'open-transactions': 'what happens between two awaits is its only transaction',
      'cut-connections': 'nothing lies between the caller and the data',
    },
    start: async () => (await import('./worlds/memory.ts')).startMemory(),
  },
  {
    name: 'pglite',
    isApart: true,
    lacks: {
      'open-transactions': 'it has one connection, which a transaction keeps to itself',
      'cut-connections': 'it runs within the process of the caller',
    },
    start: async () => (await import('./worlds/pglite.ts')).startPGlite(),
  },
  {
    name: 'pg',
    lacks: {},
    server: 'postgres',
    start: async (serverUrl) => (await import('./worlds/pg.ts')).startPg(serverUrl),
  },
  {
    name: 'pg-no-groups',
    isApart: true,
    lacks: {},
    server: 'postgres',
    start: async (serverUrl) => (await import('./worlds/pg.ts')).startPg(serverUrl, { maxBatch: 1 }),
  },
  {
    name: 'dynoxide',
    lacks: dynamodbLacks,
    emulator: 'dynoxide',
    missing: () => isMissing('dynoxide'),
    start: async () => (await import('./worlds/dynamodb.ts')).startDynamo('dynoxide'),
  },
  {
    name: 'postgres-js',
    isApart: true,
    lacks: {},
    server: 'postgres',
    start: async (serverUrl) => (await import('./worlds/postgres-js.ts')).startPostgresJs(serverUrl),
  },
  {
    // The oldest supported server, and a role that owns no table: it may only read and call the functions.
    name: 'pg-14-application',
    isApart: true,
    lacks: {},
    server: 'postgres14',
    start: async (serverUrl) => (await import('./worlds/pg.ts')).startPg(serverUrl, { asApplication: true }),
  },
  {
    // The pooler drops the statements that a client prepares, so the store prepares none.
    name: 'pg-pgbouncer',
    isApart: true,
    lacks: {},
    server: 'postgres',
    start: async (serverUrl) =>
      (await import('./worlds/pg.ts')).startPg(serverUrl, {
        prepare: false,
        pooler: { tracksPrepared: false },
      }),
  },
  {
    name: 'pg-pgbouncer-prepared',
    isApart: true,
    lacks: {},
    server: 'postgres',
    missing: whyNothingPrepared,
    start: async (serverUrl) =>
      (await import('./worlds/pg.ts')).startPg(serverUrl, { pooler: { tracksPrepared: true } }),
  },
  {
    name: 'dynamodb-local',
    isApart: true,
    lacks: dynamodbLacks,
    emulator: 'dynamodb-local',
    missing: () => isMissing('dynamodb-local'),
    start: async () => (await import('./worlds/dynamodb.ts')).startDynamo('dynamodb-local'),
  },
]

function chosenBy(names: string | undefined): readonly StoreUnderTest[] {
  if (names === undefined || names === '') return all.filter(({ isApart = false }) => !isApart)
  return names.split(',').map((name) => {
    const store = all.find((one) => one.name === name.trim())
    if (store !== undefined) return store
    throw new Error(`STORES names '${name}', but there are only ${all.map((one) => one.name).join(', ')}`)
  })
}

/** The stores to test in this run. */
export const stores: readonly StoreUnderTest[] = chosenBy(process.env.STORES)
