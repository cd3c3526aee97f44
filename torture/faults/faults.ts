/** What befalls a campaign from outside its clients: each goes on doing harm until the campaign ends. */
import pg from 'pg'
import { sleep } from '../../src/runtime/abort.ts'
import type { Clients } from '../clients.ts'
import type { CampaignDatabase } from '../databases.ts'
import type { Random } from '../random.ts'

interface FaultContext {
  readonly clients: Clients
  readonly database: CampaignDatabase
  readonly random: Random
  /** Longer than this is longer than a lease, in milliseconds. */
  readonly leaseTime: number
  /** Counts one, of which the report tells. */
  count(what: string): void
  /** Aborted when it is enough. */
  readonly signal: AbortSignal
}

export type Fault = (context: FaultContext) => Promise<void>

/** Does it again and again, once in that time on average, also where a busy machine takes long to do it. */
const every =
  (milliseconds: number, harm: Fault): Fault =>
  async (context) => {
    for (let took = 0; await isGoingOn(context, milliseconds * (0.5 + context.random.next()) - took); ) {
      const began = performance.now()
      await harm(context)
      took = performance.now() - began
    }
  }

async function isGoingOn({ signal }: FaultContext, milliseconds: number): Promise<boolean> {
  await sleep(milliseconds, signal).catch(() => {})
  return !signal.aborted
}

const kill: Fault = async ({ clients, random, count }) => {
  if (await clients.kill(random)) count('clients killed')
}

/** kill -9 of a client, each second. */
export const killedClients: Fault = every(1_000, kill)

/** The same of the only one there is, which needs some time to open its database again. */
export const killedProcess: Fault = every(4_000, kill)

/** Clients stand still for longer than their leases last, and then go on. */
export const pausedClients: Fault = async (context) => {
  const { clients, random, leaseTime, count } = context
  const pauses: Promise<void>[] = []
  while (await isGoingOn(context, 1_500)) {
    pauses.push(clients.pause(random, leaseTime * (1.2 + random.next())))
    count('clients paused')
  }
  await Promise.all(pauses)
}

/** Processes of the server that serve a connection are ended. */
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
    // The server may be down on purpose at this very moment.
  } finally {
    await client.end().catch(() => {})
  }
})

/** The server is stopped as by `pg_ctl stop -m immediate`, and recovers when it is started again. */
export const crashedServers: Fault = every(5_000, async ({ database: { server }, random, count }) => {
  await server?.crash()
  count('server crashes')
  await sleep(random.below(1_000))
  await server?.start()
})

/** Connections are cut when the answer to what was committed is on its way: nobody is told. */
export const lostCommits: Fault = async (context) => {
  const { proxy } = context.database
  if (proxy === undefined) return
  let seen = proxy.cuts
  while (await isGoingOn(context, 4)) {
    for (; seen < proxy.cuts; seen++) context.count('commits without an answer')
    proxy.cutAnswers(1)
  }
  proxy.cutAnswers(0)
}

/** Connections are cut at any message of the protocol, before or after it was forwarded. */
export const cutMessages: Fault = async (context) => {
  const { proxy } = context.database
  const { random, count } = context
  if (proxy === undefined) return
  proxy.cutWhen(() => {
    if (!random.percent(0.1)) return 'pass'
    count('messages cut')
    return random.percent(50) ? 'cut before' : 'cut after'
  })
  while (await isGoingOn(context, 100));
  proxy.cutWhen(undefined)
}

/** Connections stand still for a while, in the middle of whatever they carry. */
export const delayedConnections: Fault = every(50, async ({ database: { proxy }, random, count }) => {
  if (proxy?.delayOne(random.next(), random.below(500)) === true) count('connections delayed')
})
