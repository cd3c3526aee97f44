/** Runs one campaign: starts a store and its clients, injects faults, and checks the result. */
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
  /**
   * The names of the faults that the campaign waits for, and `snapshots` for a state that is folded from one. The campaign
   * lasts longer than `seconds` until each has happened, at most six times as long. The faults are drawn at random, so in a
   * short campaign one of them may be late. @default none
   */
  readonly happens?: readonly string[] | undefined
  /** Ends the writing as soon as so many events are appended. @default no limit */
  readonly events?: number | undefined
  readonly seed: number
  /** The number of processes that write. PGlite admits one process, which then writes and follows. */
  readonly writers: number
  /** The number of processes that follow the log. */
  readonly followers: number
  /** How many subscriptions each follower runs, at least those of every campaign. */
  readonly subscriptions: number
  /** The number of concurrent operations of each writer. */
  readonly atOnce: number
  /** The largest number of events in an append. */
  readonly batch: number
  readonly breakage?: Breakage | undefined
  /** The file for the history in the format of Elle. */
  readonly elle?: string | undefined
  /** How long each step of the start and of the end may take, in seconds. */
  readonly patience: number
  readonly onProgress?: ((progress: CampaignProgress) => void) | undefined
}

export interface CampaignProgress {
  readonly phase: 'running' | 'ending' | 'checking'
  /** How much of the campaign is over, from 0 to 1. */
  readonly share: number
  readonly appended: number
  readonly followed: number
  readonly faults: ReadonlyMap<string, number>
}

export interface CampaignResult extends Verdict {
  readonly database: string
  readonly faults: ReadonlyMap<string, number>
  /** How many states were folded from a snapshot. The count leaves out the last moments of killed clients. */
  readonly snapshots: number
  /** How long the clients wrote, in seconds. */
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
    const { faults, snapshots, seconds } = await runClients(options, database, clients, step)
    const opened = await openStore(database.address)
    try {
      const evidence = await step(
        'gathering the evidence',
        gather(opened.store, histories.path, options.subscriptions),
      )
      if (options.elle !== undefined) writeFileSync(options.elle, `${elleHistory(evidence).join('\n')}\n`)
      return { ...check(evidence), database: database.name, faults, snapshots, seconds }
    } finally {
      await step('closing the stores', Promise.all([opened.store.close(), opened.former?.close()]))
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
  const { store, former } = await openStore(address)
  await store.streamInfo('any')
  await Promise.all([store.close(), former?.close()])
  if (breakage !== undefined && address.kind === 'postgres') await breakDatabase(address.url, breakage)
}

function tasksOf(
  options: CampaignOptions,
  database: CampaignDatabase,
  folder: string,
): Omit<ClientTask, 'life'>[] {
  const { scenario, seed, writers, followers, subscriptions, atOnce, batch, breakage, patience } = options
  const common = {
    address: database.clientAddress,
    seed,
    folder,
    batch,
    subscriptions,
    generation: 1,
    operationsPerGeneration: Math.ceil(1_000 / writers),
    slowness: scenario.slowness ?? 0,
    requestFaults: scenario.requestFaults ?? false,
    leaseTime,
    // A client that hangs knows more about the reason than this process, so its timeout must come first.
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

/** Lets the clients work under faults until the time is up or enough events are appended, and then ends both. */
async function runClients(
  options: CampaignOptions,
  database: CampaignDatabase,
  clients: Clients,
  step: Step,
) {
  const { scenario, seconds, happens = [], events = Number.POSITIVE_INFINITY, seed, onProgress } = options
  const counts = new Map<string, number>()
  const count = (what: string, times = 1) => counts.set(what, (counts.get(what) ?? 0) + times)
  const ending = new AbortController()
  const { subscriptions } = options
  const context = { clients, database, subscriptions, leaseTime, count, signal: ending.signal }
  const runningFaults = scenario.faults.map((fault, nth) =>
    fault({ ...context, random: randomOf(seed, 'fault', nth) }),
  )

  const timesOf = (what: string) =>
    what === 'snapshots' ? clients.progress.snapshots : (counts.get(what) ?? 0)
  const begin = performance.now()
  const passed = () => (performance.now() - begin) / 1000
  const isOver = () =>
    passed() >= seconds && (happens.every((what) => timesOf(what) > 0) || passed() >= 6 * seconds)
  const report = (phase: CampaignProgress['phase']) => {
    const { appended, followed, faults } = clients.progress
    if (scenario.requestFaults) counts.set('requests', faults)
    const share = Math.min(1, Math.max(passed() / seconds, appended / events))
    onProgress?.({ phase, share, appended, followed, faults: counts })
  }
  const reporting = setInterval(() => report('running'), 250)
  try {
    while (!isOver() && clients.progress.appended < events) {
      await Promise.race([sleep(100), clients.failure, ...runningFaults.map(failureOf)])
    }
  } finally {
    clearInterval(reporting)
    ending.abort()
    await step('the faults', Promise.all(runningFaults))
  }
  const written = passed()
  report('ending')
  await step(() => `the writing of ${clients.busy}`, clients.order({ kind: 'end writing' }))
  // A killed client may have sent a request just before. It arrives within this time or never: the proxy delays
  // requests by half a second at most.
  await sleep(1_500)
  await step(() => `the work of ${clients.busy}`, clients.order({ kind: 'end' }))
  report('checking')
  return { faults: counts, snapshots: clients.progress.snapshots, seconds: written }
}

/** Rejects when a fault fails. Never resolves: a fault that has simply ended does not end the campaign. */
const failureOf = async (fault: Promise<void>): Promise<void> => {
  await fault
  await new Promise(() => {})
}
