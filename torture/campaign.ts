/** One campaign from beginning to end: a store, its clients, the faults, and the verdict. */
import { writeFileSync } from 'node:fs'
import { sleep } from '../src/runtime/abort.ts'
import type { EmulatorName } from '../test/emulators/start.ts'
import { temporaryFolder } from '../test/temporary-folder.ts'
import { type Breakage, breakDatabase } from './breakages.ts'
import { check, type Verdict } from './check/check.ts'
import { type ClientProgram, compileClient } from './client-program.ts'
import { Clients } from './clients.ts'
import { type CampaignDatabase, type StoreName, startDatabase } from './databases.ts'
import { elleHistory } from './elle.ts'
import { gather } from './gather.ts'
import { openStore } from './open-store.ts'
import { randomOf } from './random.ts'
import type { Scenario } from './scenarios.ts'
import type { ClientTask } from './task.ts'
import { within } from './within.ts'

export interface CampaignOptions {
  readonly store: StoreName
  readonly emulator: EmulatorName
  readonly scenario: Scenario
  readonly seconds: number
  /** Ends the campaign when so many events are appended. */
  readonly events?: number | undefined
  readonly seed: number
  /** How many processes write, and how many follow. On PGlite, which admits one, it does both. */
  readonly writers: number
  readonly followers: number
  /** Operations that a writer has under way at a time. */
  readonly atOnce: number
  /** Most events of an append. */
  readonly batch: number
  readonly breakage?: Breakage | undefined
  /** A file to write the history to, in Elle's format. */
  readonly elle?: string | undefined
  /** How long each step of its beginning and of its end may take, in seconds. */
  readonly patience: number
  readonly onProgress?: ((progress: CampaignProgress) => void) | undefined
}

export interface CampaignProgress {
  readonly phase: 'running' | 'ending' | 'checking'
  /** From 0 to 1. */
  readonly share: number
  readonly appended: number
  readonly followed: number
  readonly faults: ReadonlyMap<string, number>
}

export interface CampaignResult extends Verdict {
  readonly database: string
  readonly faults: ReadonlyMap<string, number>
  /** How long clients wrote. */
  readonly seconds: number
}

const leaseTime = 2_000

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { store, emulator, scenario, breakage } = options
  const step: Step = (what, work) => within(options.patience * 1000, what, work)
  const histories = temporaryFolder('histories')
  let program: ClientProgram | undefined
  let database: CampaignDatabase | undefined
  let clients: Clients | undefined
  try {
    program = await step('compiling the client', compileClient())
    const isBehindProxy = scenario.isBehindProxy ?? false
    database = await step('starting the database', startDatabase(store, { isBehindProxy, emulator }))
    await step('creating the tables', createTables(database, breakage))
    clients = new Clients(program.file, tasksOf(options, database, histories.path))
    await step('starting the clients', clients.ready())
    const { faults, seconds } = await torment(options, database, clients, step)
    const opened = await openStore(database.address)
    try {
      const evidence = await step('gathering what is there', gather(opened.store, histories.path))
      if (options.elle !== undefined) writeFileSync(options.elle, `${elleHistory(evidence).join('\n')}\n`)
      return { ...check(evidence), database: database.name, faults, seconds }
    } finally {
      await step('closing the store', opened.store.close())
    }
  } finally {
    if (clients !== undefined) await step('killing the clients', clients.killAll())
    if (database !== undefined) await step('stopping the database', database.stop())
    histories.remove()
    program?.remove()
  }
}

type Step = <T>(what: string | (() => string), work: Promise<T>) => Promise<T>

async function createTables({ address }: CampaignDatabase, breakage: Breakage | undefined): Promise<void> {
  const { store } = await openStore(address)
  await store.streamInfo('any')
  await store.close()
  if (breakage !== undefined && address.kind === 'postgres') await breakDatabase(address.url, breakage)
}

function tasksOf(
  options: CampaignOptions,
  database: CampaignDatabase,
  folder: string,
): Omit<ClientTask, 'life'>[] {
  const { scenario, seed, writers, followers, atOnce, batch, breakage, patience } = options
  const common = {
    address: database.clientAddress,
    seed,
    folder,
    batch,
    operationsPerGeneration: Math.ceil(1_000 / writers),
    slowness: scenario.slowness ?? 0,
    requestFaults: scenario.requestFaults ?? false,
    leaseTime,
    // They know more of it than whoever waits for them, and are to tell first.
    patience: 0.9 * patience * 1000,
    breakage,
  }
  if (options.store === 'pglite') return [{ ...common, client: 'client-0', writers: atOnce, follows: true }]
  const several = (count: number, name: string, task: { writers: number; follows: boolean }) =>
    Array.from({ length: count }, (_, nth) => ({ ...common, client: `${name}-${nth}`, ...task }))
  return [
    ...several(writers, 'writer', { writers: atOnce, follows: false }),
    ...several(followers, 'follower', { writers: 0, follows: true }),
  ]
}

/** Lets the clients work and the faults happen for as long as it takes, and then everybody come to an end. */
async function torment(options: CampaignOptions, database: CampaignDatabase, clients: Clients, step: Step) {
  const { scenario, seconds, events = Number.POSITIVE_INFINITY, seed, onProgress } = options
  const counts = new Map<string, number>()
  const count = (what: string, times = 1) => counts.set(what, (counts.get(what) ?? 0) + times)
  const ending = new AbortController()
  const context = { clients, database, leaseTime, count, signal: ending.signal }
  const happening = scenario.faults.map((fault, nth) =>
    fault({ ...context, random: randomOf(seed, 'fault', nth) }),
  )

  const begin = performance.now()
  const passed = () => (performance.now() - begin) / 1000
  const tell = (phase: CampaignProgress['phase']) => {
    const { appended, followed, faults } = clients.progress
    if (scenario.requestFaults) counts.set('requests', faults)
    const share = Math.min(1, Math.max(passed() / seconds, appended / events))
    onProgress?.({ phase, share, appended, followed, faults: counts })
  }
  const reporting = setInterval(() => tell('running'), 250)
  try {
    while (passed() < seconds && clients.progress.appended < events) {
      await Promise.race([sleep(100), clients.failure, ...happening.map(unlessDone)])
    }
  } finally {
    clearInterval(reporting)
    ending.abort()
    await step('what befalls the clients', Promise.all(happening))
  }
  const written = passed()
  tell('ending')
  await step(() => `the writing of ${clients.busy}`, clients.order({ kind: 'end writing' }))
  // What the last of those who were killed had sent is done by then, or never: it is delayed by half a second at most.
  await sleep(1_500)
  await step(() => `the work of ${clients.busy}`, clients.order({ kind: 'end' }))
  tell('checking')
  return { faults: counts, seconds: written }
}

/** A fault that ends before its time has failed, or there is none. */
const unlessDone = async (fault: Promise<void>): Promise<void> => {
  await fault
  await new Promise(() => {})
}
