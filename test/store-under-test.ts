/**
 * The type of an entry in the list of stores under test (`stores.ts`): how a test run starts the store, which features
 * it lacks, and the world that each case gets.
 */
import type { Capability, ConformanceContext } from '../src/conformance/case.ts'
import type { EmulatorName } from './emulators/start.ts'

/** The Postgres servers that a test run can start. */
export type PostgresServer = 'postgres' | 'postgres14'

/** A store on one driver and database, with the options under test. */
export interface StoreUnderTest {
  readonly name: string
  /** The features that the store lacks, each with the reason. The reason is printed with the skipped cases. */
  readonly lacks: Readonly<Partial<Record<Capability, string>>>
  /** The server that the store needs. */
  readonly server?: PostgresServer
  /** `npm test` leaves the store out unless STORES names it, because it must take less than ten minutes. */
  readonly isApart?: boolean
  /** The emulator that `start` starts. */
  readonly emulator?: EmulatorName
  /** Returns why the store cannot run here. Its tests are then skipped, with the reason. Undefined: it can. */
  readonly missing?: () => string | undefined
  /** Makes the store ready for tests, on the server at this URL if it needs one. */
  start(serverUrl: string | undefined): Promise<RunningStore>
}

/** A store that is ready for tests. */
export interface RunningStore {
  /** Creates the world of one case. It is empty, and no other case uses it. */
  world(): Promise<World>
  /** Stops everything that `start` has started. */
  stop(): Promise<void>
}

/** The world of one case, and a way to clean it up. */
export interface World extends ConformanceContext {
  /** Closes stores, rolls back transactions and stops proxies that the case has left open. */
  end(): Promise<void>
}
