/**
 * Holds checkpoints for a rebuild or a verification. A checkpoint that is held (attribute `k`) cannot move, and no change of
 * the subscription can close it. If a hold has not changed for `longestLock`, its owner is dead, and any process ends it.
 */
import { randomUUID } from 'node:crypto'
import { checkpointKey, placePartition } from '../keys.ts'
import type { Connection } from '../requests/connection.ts'
import { idleKey, idleUpdate, Liveness } from '../requests/liveness.ts'
import { type Checkpoint, holdUpdate, longestLock, unholdUpdate } from './checkpoint.ts'
import type { StoredSubscription } from './subscription-items.ts'

export class CheckpointHolds {
  readonly #connection: Connection
  readonly #table: string
  readonly #liveness = new Liveness()

  constructor(connection: Connection, table: string) {
    this.#connection = connection
    this.#table = table
  }

  #subject(doing: string, place: string) {
    return { doing, table: this.#table, key: placePartition(place) }
  }

  /**
   * Holds checkpoints. Returns the function that releases them, or undefined if a change has closed one of them. Other
   * processes release them after `longestLock` if that function is never called.
   */
  async hold(
    place: string,
    checkpoints: readonly Checkpoint[],
    signal: AbortSignal | undefined,
  ): Promise<(() => Promise<void>) | undefined> {
    const hold = randomUUID()
    const held: Checkpoint[] = []
    const release = async () => {
      for (const checkpoint of held) await this.#release(place, checkpoint, hold)
    }
    try {
      for (const checkpoint of checkpoints) {
        signal?.throwIfAborted()
        held.push(checkpoint)
        const subject = this.#subject('Holding a checkpoint', place)
        const input = holdUpdate(place, checkpoint, hold)
        if ((await this.#connection.write(subject, 'UpdateItem', input)).done) continue
        await release()
        return undefined
      }
      return release
    } catch (error) {
      await release().catch(() => {})
      throw error
    }
  }

  #release(place: string, checkpoint: Checkpoint, hold: string, signal?: AbortSignal): Promise<unknown> {
    const subject = this.#subject('Releasing a checkpoint', place)
    return this.#connection.write(subject, 'UpdateItem', unholdUpdate(place, checkpoint, hold), signal)
  }

  /** Ends the holds of rebuilds and verifications that have died. */
  async endLong(
    { header, checkpoints, items }: StoredSubscription,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { place } = header
    if (!checkpoints.some(({ hold }) => hold !== undefined)) return this.#liveness.forget(place)
    const idleItems = this.#liveness.observe(place, items)
    for (const checkpoint of checkpoints) {
      const { hold, shape, partition } = checkpoint
      const { idle = 0 } = idleItems.get(idleKey(checkpointKey(place, shape, partition))) ?? {}
      if (hold !== undefined && idle >= longestLock) await this.#release(place, checkpoint, hold, signal)
    }
  }

  /** Stores how long the holds of a place are idle: a process that starts later adds its own measurement. */
  async storeIdleTimes(place: string): Promise<void> {
    for (const item of this.#liveness.idleNow(place)) {
      if (item.idle < 1) continue
      const subject = this.#subject('Leaving a subscription', place)
      await this.#connection.write(subject, 'UpdateItem', idleUpdate(item))
    }
  }
}
