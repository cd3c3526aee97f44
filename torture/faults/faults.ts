/** Faults from outside the clients. Each fault repeats until the campaign ends. */
import pg from 'pg'
import { sleep } from '../../src/runtime/abort.ts'
import type { Clients } from '../clients.ts'
import type { CampaignDatabase } from '../databases.ts'
import type { Random } from '../random.ts'

export interface FaultContext {
  readonly clients: Clients
  readonly database: CampaignDatabase
  readonly random: Random
  /** How many subscriptions each follower runs. */
  readonly subscriptions: number
  /** How long a lease lasts, in milliseconds. */
  readonly leaseTime: number
  /** Counts one occurrence of a fault, for the report. */
  count(what: string): void
  /** Aborted when the campaign ends. */
  readonly signal: AbortSignal
}

export type Fault = (context: FaultContext) => Promise<void>

/** Repeats a fault, once in so many milliseconds on average, even if a busy machine takes long to inject it. */
const every =
  (milliseconds: number, inject: Fault): Fault =>
  async (context) => {
    for (
      let took = 0;
      await waitUnlessEnded(context, milliseconds * (0.5 + context.random.next()) - took);
    ) {
      const began = performance.now()
      await inject(context)
      took = performance.now() - began
    }
  }

/** Waits, and returns false if the campaign has ended. */
export async function waitUnlessEnded({ signal }: FaultContext, milliseconds: number): Promise<boolean> {
  await sleep(milliseconds, signal).catch(() => {})
  return !signal.aborted
}

const kill: Fault = async ({ clients, random, count }) => {
  if (await clients.kill(random)) count('clients killed')
}

/** Kills a client (kill -9) each second. */
export const killedClients: Fault = every(1_000, kill)

/** Kills the only process every four seconds, because it needs some time to reopen its embedded database. */
export const killedProcess: Fault = every(4_000, kill)

/** Stops clients for longer than their leases last, and then lets them continue. */
export const pausedClients: Fault = async (context) => {
  const { clients, random, leaseTime, count } = context
  const pauses: Promise<void>[] = []
  while (await waitUnlessEnded(context, 1_500)) {
    pauses.push(clients.pause(random, leaseTime * (1.2 + random.next())))
    count('clients paused')
  }
  await Promise.all(pauses)
}

/** Terminates backend processes of the server, each of which serves one connection. */
export const endedBackends: Fault = every(300, async ({ database, random, count }) => {
  const { server } = database
  if (server === undefined) return
  const client = new pg.Client({ connectionString: server.url })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query(
      `select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() order by pid`,
    )
    if (rows.length === 0) return
    await client.query('select pg_terminate_backend($1)', [random.pick(rows).pid])
    count('backends ended')
  } catch {
    // Another fault may have stopped the server at this moment.
  } finally {
    await client.end().catch(() => {})
  }
})

/** Crashes the server, as `pg_ctl stop -m immediate` does, and starts it again, so that it recovers. */
export const crashedServers: Fault = every(5_000, async ({ database: { server }, random, count }) => {
  await server?.crash()
  count('server crashes')
  await sleep(random.below(1_000))
  await server?.start()
})

/** Cuts connections after a commit, while its answer is on its way: the client does not learn the outcome. */
export const lostCommits: Fault = async (context) => {
  const { proxy } = context.database
  if (proxy === undefined) return
  let seen = proxy.cuts
  while (await waitUnlessEnded(context, 4)) {
    for (; seen < proxy.cuts; seen++) context.count('commits without an answer')
    proxy.cutAnswers(1)
  }
  proxy.cutAnswers(0)
}

/** Cuts connections at any message of the protocol, before or after the proxy has forwarded it. */
export const cutMessages: Fault = async (context) => {
  const { proxy } = context.database
  const { random, count } = context
  if (proxy === undefined) return
  proxy.cutWhen(() => {
    if (!random.percent(0.1)) return 'pass'
    count('messages cut')
    return random.percent(50) ? 'cut before' : 'cut after'
  })
  while (await waitUnlessEnded(context, 100));
  proxy.cutWhen(undefined)
}

/** Delays connections for a while, also in the middle of a message. */
export const delayedConnections: Fault = every(50, async ({ database: { proxy }, random, count }) => {
  if (proxy?.delayOne(random.next(), random.below(500)) === true) count('connections delayed')
})
