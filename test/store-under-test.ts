/** What a store under test is: how it is started, what it lacks, and the world that each case gets. */
import type { Capability, ConformanceContext } from '../src/conformance/case.ts'
import type { EmulatorName } from './emulators/start.ts'

/** The Postgres servers that a run of the tests can start. */
export type PostgresServer = 'postgres' | 'postgres14'

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
