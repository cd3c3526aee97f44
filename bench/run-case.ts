/** Runs one case: ours and the peer in turns, round after round, each on its own fresh database. */
import type { Case, Contestant, ReadyContestant, Turn } from './case.ts'
import type { Network } from './network.ts'
import { type Result, resultOf } from './result.ts'
import type { Server } from './server.ts'

export interface RunOptions {
  readonly rounds: number
  readonly seconds: number
  readonly quick: boolean
  readonly network: Network | undefined
  /** Called when each turn begins. */
  readonly onTurn: (contestant: string, round: number) => void
}

export async function runCase(bench: Case, server: Server, options: RunOptions): Promise<Result> {
  const contestants = [bench.ours, bench.peer].filter((one) => one !== undefined)
  const databases: string[] = []
  const ready: ReadyContestant[] = []
  const turns: Turn[][] = contestants.map(() => [])
  try {
    for (const contestant of contestants) {
      const database = await server.createDatabase()
      databases.push(database)
      ready.push(await setUp(contestant, server, database, options))
    }
    for (let round = 0; round <= options.rounds; round++) {
      for (const [index, one] of ready.entries()) {
        options.onTurn(contestants[index]?.name ?? '', round)
        await server.checkpoint()
        globalThis.gc?.()
        const turn = await one.turn(round)
        if (round > 0) turns[index]?.push(turn)
      }
    }
  } finally {
    await Promise.allSettled(ready.map((one) => one.tearDown()))
    for (const database of databases) await server.dropDatabase(database)
  }
  const [ours = [], peer = []] = turns
  return resultOf(bench, ours, peer, await server.commitTime())
}

async function setUp(
  contestant: Contestant,
  server: Server,
  database: string,
  options: RunOptions,
): Promise<ReadyContestant> {
  const { seconds, quick, network } = options
  const url = network?.route(database) ?? database
  const shared = server.sharedDatabase.bind(server)
  const one = await contestant.setUp({ url, directUrl: database, seconds, quick, shared })
  await server.tidy(database)
  return one
}
