/** Checkpoints, leases and parked events on Postgres. */
import {
  type EventToPark,
  type Lease,
  LeaseLostError,
  type ParkedRecord,
  type ParkedState,
  type SubscriptionStorage,
} from '../storage/index.ts'
import type { Row, Statement } from './client.ts'
import { plainArray, textArray } from './encode.ts'
import type { Runner } from './runner.ts'
import type { Statements } from './statements.ts'

export function subscribing(runner: Runner, statements: Statements): SubscriptionStorage {
  const ask = (what: string, statement: Statement, parameters: (string | null)[], signal?: AbortSignal) =>
    runner.run(what, statement, () => parameters, signal)

  async function askHolder(
    what: string,
    statement: Statement,
    { subscription, partition, token, server }: Lease,
    parameters: (string | null)[],
    signal?: AbortSignal,
  ): Promise<void> {
    const [row] = await ask(
      what,
      statement,
      [subscription, String(partition), String(token), ...parameters, server ?? null],
      signal,
    )
    if (row?.held !== 'true') throw new LeaseLostError(subscription, partition)
  }

  const park = (lease: Lease, events: readonly EventToPark[], position: number, signal?: AbortSignal) =>
    askHolder(
      'Parking an event',
      statements.parkEvents,
      lease,
      [
        String(position),
        plainArray(events.map((event) => event.position)),
        textArray(events.map(({ streamId }) => streamId)),
        plainArray(events.map(({ eventId }) => eventId)),
        textArray(events.map(({ type }) => type)),
        plainArray(events.map(({ state }) => state)),
        plainArray(events.map(({ failures }) => failures)),
        textArray(events.map(({ error }) => error)),
        textArray(events.map(({ stack }) => stack ?? null)),
      ],
      signal,
    )

  return {
    async createSubscription(subscription, partitions, position, signal) {
      const parameters = [subscription, String(partitions), String(position)]
      const what = 'Creating a subscription'
      // Of two that create it at once, one may see only a part of what the other has made.
      await ask(what, statements.createSubscription, parameters, signal)
      const [row] = await ask(what, statements.createSubscription, parameters, signal)
      return Number(row?.partitions)
    },

    async keepLeases(subscription, worker, milliseconds, signal) {
      const parameters = [subscription, worker, String(milliseconds)]
      const rows = await ask('Keeping leases', statements.keepLeases, parameters, signal)
      const leases = rows.map((row) => ({
        subscription,
        partition: Number(row.partition),
        token: Number(row.token),
        position: Number(row.position),
        server: String(row.server),
      }))
      return { leases: leases.filter(({ partition }) => partition >= 0), share: Number(rows[0]?.share ?? 0) }
    },

    async releaseLeases(leases) {
      for (const { subscription, partition, token, server } of leases) {
        const parameters = [subscription, String(partition), String(token), server ?? null]
        await ask('Releasing a lease', statements.releaseLease, parameters)
      }
    },

    async leave(subscription, worker) {
      await ask('Leaving a subscription', statements.leaveSubscription, [subscription, worker])
    },

    advance: (lease, position, signal) =>
      askHolder('Writing a checkpoint', statements.advanceCheckpoint, lease, [String(position)], signal),

    park,

    parkAgain: (lease, event, signal) => park(lease, [event], 0, signal),

    async parkedToHandle({ subscription, partition }, limit, signal) {
      const parameters = [subscription, String(partition), String(limit)]
      return (await ask('Reading parked events', statements.parkedToHandle, parameters, signal)).map(recordOf)
    },

    async parkedStreams({ subscription, partition }, signal) {
      const parameters = [subscription, String(partition)]
      const rows = await ask('Reading parked events', statements.parkedStreams, parameters, signal)
      return rows.map(({ stream_id: streamId }) => JSON.parse(String(streamId)))
    },

    async listParked(subscription, after, limit, signal) {
      const parameters = [subscription, String(after), String(limit)]
      return (await ask('Reading parked events', statements.listParked, parameters, signal)).map(recordOf)
    },

    async retryParked(subscription, position, signal) {
      const parameters = [subscription, String(position)]
      const [row] = await ask('Retrying a parked event', statements.retryParked, parameters, signal)
      return row?.found === 'true'
    },

    async skipParked(subscription, position, signal) {
      const parameters = [subscription, String(position)]
      const [row] = await ask('Skipping a parked event', statements.skipParked, parameters, signal)
      return row?.found === 'true'
    },

    async checkpoints(subscription, signal) {
      const rows = await ask('Reading checkpoints', statements.checkpoints, [subscription], signal)
      return rows.map(({ partition, position, owner }) => ({
        partition: Number(partition),
        position: Number(position),
        owner: owner === null ? undefined : String(owner),
      }))
    },

    async countParked(subscription, signal) {
      const [row] = await ask('Counting parked events', statements.countParked, [subscription], signal)
      return Number(row?.parked)
    },

    async lastPosition(signal) {
      const [row] = await ask('Reading the log', statements.lastPosition, [], signal)
      return Number(row?.position)
    },

    async positionBefore(time, signal) {
      const [row] = await ask('Reading the log', statements.positionBefore, [time.toISOString()], signal)
      return Number(row?.position)
    },
  }
}

/** A row of `parked_columns.sql`. */
function recordOf(row: Row): ParkedRecord {
  return {
    partition: Number(row.partition),
    position: Number(row.position),
    streamId: JSON.parse(String(row.stream_id)),
    eventId: String(row.event_id),
    type: JSON.parse(String(row.type)),
    state: row.state as ParkedState,
    failures: Number(row.failures),
    error: JSON.parse(String(row.error)),
    stack: row.stack === null ? undefined : JSON.parse(String(row.stack)),
    parkedAt: new Date(Number(row.parked_at)),
  }
}
