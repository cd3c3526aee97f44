/** The subscriptions' part of the storage: checkpoints, leases and parked events. */
import {
  type EventToPark,
  type KeptLeases,
  type Lease,
  LeaseLostError,
  type MoveOutcome,
  type ParkedRecord,
  type ParkedState,
  type SubscriptionRegistry,
  type SubscriptionStorage,
  type WorkerBeat,
} from '../storage/index.ts'
import type { Row, Statement } from './client.ts'
import { plainArray, textArray } from './encode.ts'
import type { Runner } from './runner.ts'
import type { Statements } from './statements.ts'

/** Makes the subscriptions' part of the storage. */
export function subscriptions(
  runner: Runner,
  statements: Statements,
): Omit<SubscriptionStorage, keyof SubscriptionRegistry> {
  const run = (what: string, statement: Statement, parameters: (string | null)[], signal?: AbortSignal) =>
    runner.run(what, statement, () => parameters, signal)

  /**
   * Runs a statement on behalf of the holder of a lease.
   * @throws LeaseLostError if the lease's fencing token is no longer valid
   */
  async function runAsHolder(
    what: string,
    statement: Statement,
    { subscription, place, partition, token, server }: Lease,
    parameters: (string | null)[],
    signal?: AbortSignal,
  ): Promise<void> {
    const [row] = await run(
      what,
      statement,
      [place, String(partition), String(token), ...parameters, server ?? null],
      signal,
    )
    if (row?.held !== 'true') throw new LeaseLostError(subscription, partition)
  }

  /** Runs a statement on parked events. Returns the positions at which there was one. */
  async function changeParked(
    what: string,
    statement: Statement,
    subscription: string,
    positions: readonly number[],
    signal?: AbortSignal,
  ): Promise<readonly number[]> {
    const parameters = [subscription, plainArray(positions), runner.lockTimeouts.forDocuments]
    const [row] = await runner.run(what, statement, () => parameters, signal, 'retry')
    return JSON.parse(String(row?.positions ?? '[]'))
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

  /** @throws LeaseLostError if the subscription was repartitioned or removed since the lease was granted */
  async function parkedOf(
    { subscription, place, partition, partitions }: Lease,
    statement: Statement,
    limits: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<readonly Row[]> {
    const parameters = [place, String(partition), ...limits, String(partitions)]
    const rows = await run('Reading parked events', statement, parameters, signal)
    if (rows.length === 0) throw new LeaseLostError(subscription, partition)
    return rows.filter(({ position }) => position !== null)
  }

  return {
    async keepLeases(beats, signal) {
      if (beats.length === 0) return []
      const parameters = [
        textArray(beats.map(({ subscription }) => subscription)),
        textArray(beats.map(({ place }) => place)),
        plainArray(beats.map(({ version }) => version)),
        textArray(beats.map(({ worker }) => worker)),
        plainArray(beats.map(({ milliseconds }) => Math.ceil(milliseconds))),
      ]
      const rows = await run('Keeping leases', statements.keepLeases, parameters, signal)
      const kept = new Map(rows.map((row) => [Number(row.beat), row]))
      return beats.map((beat, index) => keptLeases(beat, kept.get(index + 1) as Row))
    },

    async releaseLeases(leases) {
      if (leases.length === 0) return
      const what = 'Releasing leases'
      const rows = await run(what, statements.releaseLeases, leaseParameters(leases))
      // Each call waits for the transaction that holds its checkpoint.
      for (const { busy } of rows) {
        const { place, partition, token, server } = leases[Number(busy) - 1] as Lease
        const parameters = [place, String(partition), String(token), server ?? null]
        await run(what, statements.releaseLease, parameters)
      }
    },

    async leave(place, worker) {
      await run('Leaving a subscription', statements.leaveSubscription, [place, worker])
    },

    async advance(moves, signal) {
      if (moves.length === 0) return []
      const parameters = [
        ...leaseParameters(moves.map(({ lease }) => lease)),
        plainArray(moves.map(({ position }) => position)),
      ]
      const rows = await run('Writing checkpoints', statements.advanceCheckpoints, parameters, signal)
      const outcomes = new Map(rows.map((row) => [Number(row.move), row.outcome as MoveOutcome]))
      return moves.map((_, index) => outcomes.get(index + 1) as MoveOutcome)
    },

    park,

    parkAgain: (lease, event, signal) => park(lease, [event], 0, signal),

    async parkedToHandle(lease, limit, signal) {
      const rows = await parkedOf(lease, statements.parkedToHandle, [String(limit)], signal)
      return rows.map(parkedRecord)
    },

    async parkedStreams(lease, signal) {
      const rows = await parkedOf(lease, statements.parkedStreams, [], signal)
      return rows.map(({ stream_id: streamId, position }) => ({
        streamId: JSON.parse(String(streamId)),
        position: Number(position),
      }))
    },

    async listParked(subscription, after, limit, signal) {
      const parameters = [subscription, String(after), String(limit)]
      return (await run('Reading parked events', statements.listParked, parameters, signal)).map(parkedRecord)
    },

    retryParked: (subscription, positions, signal) =>
      changeParked('Retrying parked events', statements.retryParked, subscription, positions, signal),

    skipParked: (subscription, positions, signal) =>
      changeParked('Skipping parked events', statements.skipParked, subscription, positions, signal),

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

/** Decodes a row of `keep-leases.sql`. */
function keptLeases({ subscription, place }: WorkerBeat, row: Row): KeptLeases {
  if (row.kind !== 'kept') return { kind: row.kind === 'removed' ? 'removed' : 'superseded' }
  const partitions = Number(row.partitions)
  const server = String(row.server)
  const listOf = (column: unknown): number[] => JSON.parse(String(column ?? '[]'))
  const [tokens, positions] = [listOf(row.tokens), listOf(row.positions)]
  const leases = listOf(row.leased).map((partition, index) => ({
    subscription,
    place,
    partition,
    partitions,
    token: tokens[index] as number,
    position: positions[index] as number,
    server,
  }))
  return {
    kind: 'kept',
    leases,
    share: Number(row.share),
    isPaused: row.is_paused === 'true',
    skip: JSON.parse(String(row.skip ?? '[]')),
    parkedRequests: Number(row.parked_requests),
  }
}

/** Encodes places, partitions, tokens and servers. */
function leaseParameters(leases: readonly Lease[]): [string, string, string, string] {
  return [
    textArray(leases.map(({ place }) => place)),
    plainArray(leases.map(({ partition }) => partition)),
    plainArray(leases.map(({ token }) => token)),
    textArray(leases.map(({ server }) => server ?? null)),
  ]
}

/** Decodes a row of `parked_columns.sql`. */
function parkedRecord(row: Row): ParkedRecord {
  return {
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
