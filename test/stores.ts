/**
 * The one list of stores under test, and how each is started. `STORES=memory,pg npm test` narrows it.
 * Loads a store only when it is started, so that whoever wants to know the names need not load drivers.
 */
import type { Capability, ConformanceContext } from '../src/conformance/case.ts'
import type { EmulatorName } from './emulators/start.ts'
import type { PostgresServer } from './postgres-servers.ts'

export interface StoreUnderTest {
  readonly name: string
  /** What it cannot do, and why. */
  readonly lacks: Readonly<Partial<Record<Capability, string>>>
  /** The server that has to run for it. */
  readonly server?: PostgresServer
  /** Run by a command of its own, or when STORES names it, so that `npm test` takes less than ten minutes. */
  readonly isApart?: boolean
  /** The emulator that it starts for itself. */
  readonly emulator?: EmulatorName
  /** Starts it, on the server at this URL if it needs one. */
  start(serverUrl: string | undefined): Promise<RunningStore>
}

export interface RunningStore {
  /** A world for one case: empty, and with nobody else in it. */
  world(): Promise<World>
  stop(): Promise<void>
}

export interface World extends ConformanceContext {
  /** Closes and ends whatever the case has left open. */
  end(): Promise<void>
}

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
    lacks: {},
    server: 'postgres',
    start: async (serverUrl) => (await import('./worlds/pg.ts')).startPg(serverUrl, { maxBatch: 1 }),
  },
  {
    name: 'dynoxide',
    lacks: dynamodbLacks,
    emulator: 'dynoxide',
    start: async () => (await import('./worlds/dynamodb.ts')).startDynamo('dynoxide'),
  },
  {
    name: 'postgres-js',
    lacks: {},
    server: 'postgres',
    start: async (serverUrl) => (await import('./worlds/postgres-js.ts')).startPostgresJs(serverUrl),
  },
  {
    // The oldest server, and there a role that owns nothing: it calls the functions, reads, and can do nothing else.
    name: 'pg-14-application',
    isApart: true,
    lacks: {},
    server: 'postgres14',
    start: async (serverUrl) => (await import('./worlds/pg.ts')).startPg(serverUrl, { asApplication: true }),
  },
  {
    name: 'dynamodb-local',
    isApart: true,
    lacks: dynamodbLacks,
    emulator: 'dynamodb-local',
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
