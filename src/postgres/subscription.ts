/** The subscriptions' part of the storage: checkpoints, leases and parked events. */
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

/** Makes the subscriptions' part of the storage. */
export function subscriptions(runner: Runner, statements: Statements): SubscriptionStorage {
  const run = (what: string, statement: Statement, parameters: (string | null)[], signal?: AbortSignal) =>
    runner.run(what, statement, () => parameters, signal)

  /**
   * Runs a statement on behalf of the holder of a lease.
   * @throws LeaseLostError if the lease's fencing token is no longer valid
   */
  async function runAsHolder(
    what: string,
    statement: Statement,
    { subscription, partition, token, server }: Lease,
    parameters: (string | null)[],
    signal?: AbortSignal,
  ): Promise<void> {
    const [row] = await run(
      what,
      statement,
      [subscription, String(partition), String(token), ...parameters, server ?? null],
      signal,
    )
    if (row?.held !== 'true') throw new LeaseLostError(subscription, partition)
  }

  const park = (lease: Lease, events: readonly EventToPark[], position: number, signal?: AbortSignal) =>
    runAsHolder(
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
      // The second call sees all partitions. If two processes create the subscription at the same time, the first call
      // may see only some of the other's.
      await run(what, statements.createSubscription, parameters, signal)
      const [row] = await run(what, statements.createSubscription, parameters, signal)
      return Number(row?.partitions)
    },

    async keepLeases(subscription, worker, milliseconds, signal) {
      const parameters = [subscription, worker, String(milliseconds)]
      const rows = await run('Keeping leases', statements.keepLeases, parameters, signal)
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
        await run('Releasing a lease', statements.releaseLease, parameters)
      }
    },

    async leave(subscription, worker) {
      await run('Leaving a subscription', statements.leaveSubscription, [subscription, worker])
    },

    advance: (lease, position, signal) =>
      runAsHolder('Writing a checkpoint', statements.advanceCheckpoint, lease, [String(position)], signal),

    park,

    parkAgain: (lease, event, signal) => park(lease, [event], 0, signal),

    async parkedToHandle({ subscription, partition }, limit, signal) {
      const parameters = [subscription, String(partition), String(limit)]
      return (await run('Reading parked events', statements.parkedToHandle, parameters, signal)).map(
        parkedRecord,
      )
    },

    async parkedStreams({ subscription, partition }, signal) {
      const parameters = [subscription, String(partition)]
      const rows = await run('Reading parked events', statements.parkedStreams, parameters, signal)
      return rows.map(({ stream_id: streamId, position }) => ({
        streamId: JSON.parse(String(streamId)),
        position: Number(position),
      }))
    },

    async listParked(subscription, after, limit, signal) {
      const parameters = [subscription, String(after), String(limit)]
      return (await run('Reading parked events', statements.listParked, parameters, signal)).map(parkedRecord)
    },

    async retryParked(subscription, position, signal) {
      const parameters = [subscription, String(position)]
      const [row] = await run('Retrying a parked event', statements.retryParked, parameters, signal)
      return row?.found === 'true'
    },

    async skipParked(subscription, position, signal) {
      const parameters = [subscription, String(position)]
      const [row] = await run('Skipping a parked event', statements.skipParked, parameters, signal)
      return row?.found === 'true'
    },

    async checkpoints(subscription, signal) {
      const rows = await run('Reading checkpoints', statements.checkpoints, [subscription], signal)
      return rows.map(({ partition, position, owner }) => ({
        partition: Number(partition),
        position: Number(position),
        owner: owner === null ? undefined : String(owner),
      }))
    },

    async countParked(subscription, signal) {
      const [row] = await run('Counting parked events', statements.countParked, [subscription], signal)
      return Number(row?.parked)
    },

    async lastPosition(signal) {
      const [row] = await run('Reading the log', statements.lastPosition, [], signal)
      return Number(row?.position)
    },

    async positionBefore(time, signal) {
      for (let after: string | null = null; ; ) {
        const parameters = [time.toISOString(), after]
        const [row] = await run('Reading the log', statements.positionBefore, parameters, signal)
        if (row?.is_found === 'true') return Number(row.position)
        after = String(row?.position)
      }
    },
  }
}

/** Decodes a row of `parked_columns.sql`. */
function parkedRecord(row: Row): ParkedRecord {
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
