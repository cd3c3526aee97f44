/**
 * Locks on projections, for the moment when another generation takes over, or when a verification compares
 * documents.
 *
 * An append does not read the projection's item: that would cost as much as a document. The counter of slots
 * carries the locks and an epoch instead, and an append receives both when it takes its slot. Each lock and
 * each unlock increases the epoch:
 *
 *     epoch 1 ──▶ epoch 2, locked ──▶ epoch 3, unlocked: readers use the new generation, or still the old one
 *                     │
 *                     ├ slots taken before the lock: the rebuild waits until they are settled, and folds their events
 *                     └ slots taken under the lock: the append seals its slot, waits for the unlock, and retries
 */
import { randomUUID } from 'node:crypto'
import { sleep } from '../storage/index.ts'
import { type Attribute, number, text } from './attributes.ts'
import { longestLock } from './checkpoint.ts'
import type { Environment } from './environment.ts'
import { counterKey } from './keys.ts'
import { idleUpdate, Liveness } from './liveness.ts'
import { type Counter, counterOf } from './slots.ts'
import type { DynamodbSubscriptions } from './subscription.ts'
import type { Part } from './writer.ts'

const lockPoll = 25
// The interval at which a process that waits for a lock stores in the counter how long the lock is idle, for later
// processes.
const idleUpdateInterval = 500

export interface ProjectionLock {
  /** Unlocks, as parts of the transaction that the lock protects. */
  readonly parts: readonly Part[]
  /** Unlocks if that transaction is not committed. */
  release(): Promise<void>
}

export class ProjectionLocks {
  readonly #environment: Environment
  readonly #subscriptions: DynamodbSubscriptions
  readonly #liveness = new Liveness()

  constructor(environment: Environment, subscriptions: DynamodbSubscriptions) {
    this.#environment = environment
    this.#subscriptions = subscriptions
  }

  /**
   * Keeps all other processes from writing the documents of a projection: appends, and workers of its
   * subscription.
   */
  async lock(name: string, signal: AbortSignal | undefined): Promise<ProjectionLock> {
    const id = randomUUID()
    const releaseCheckpoints = await this.#subscriptions.holdCheckpoints(name, signal)
    const release = async () => {
      await this.#unlock(name, id).finally(releaseCheckpoints)
    }
    try {
      let counter = await this.#environment.slots.counter(signal)
      while (!(await this.#setLocks(counter, new Map([...counter.locks, [name, id]])))) {
        counter = await this.#environment.slots.counter(signal)
      }
      const locked = { ...counter, epoch: counter.epoch + 1 }
      const others = new Map([...counter.locks].filter(([other]) => other !== name))
      const item = { Update: this.#locksUpdate(locked, others) }
      return { parts: [{ item, size: 0, name: 'counter', failed: () => undefined }], release }
    } catch (error) {
      await release()
      throw error
    }
  }

  /** Resolves once none of the projections is locked. Removes a lock that has been idle for too long. */
  async waitUnlocked(names: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const { slots, connection, tables } = this.#environment
    for (let storedAt = performance.now(); ; ) {
      const item = await slots.counterItem(signal)
      const { locks } = counterOf(item)
      const held = names.filter((name) => locks.has(name))
      if (item === undefined || held.length === 0) return
      const counter = this.#liveness.observe(counterKey.p.S, [item]).get(counterKey.s.S)
      if (counter !== undefined && counter.idle >= longestLock) {
        for (const name of held) await this.#unlock(name, locks.get(name) as string)
      } else if (counter !== undefined && performance.now() - storedAt >= idleUpdateInterval) {
        const subject = { doing: 'Waiting for a projection', table: tables.log, key: counterKey.p.S }
        await connection.write(subject, 'UpdateItem', idleUpdate(counter), signal)
        storedAt = performance.now()
      }
      await sleep(lockPoll, signal)
    }
  }

  async #unlock(name: string, id: string): Promise<void> {
    for (;;) {
      const counter = await this.#environment.slots.counter()
      if (counter.locks.get(name) !== id) return
      const locks = new Map(counter.locks)
      locks.delete(name)
      if (await this.#setLocks(counter, locks)) return
    }
  }

  /** Returns false if the locks have changed since the counter was read. */
  async #setLocks(counter: Counter, locks: Counter['locks']): Promise<boolean> {
    const { connection, tables } = this.#environment
    const subject = { doing: 'Locking a projection', table: tables.log, key: counterKey.p.S }
    return (await connection.write(subject, 'UpdateItem', this.#locksUpdate(counter, locks))).done
  }

  /** The update of the counter to other locks, and to the next epoch. */
  #locksUpdate({ epoch }: Counter, locks: Counter['locks']): object {
    const values: Record<string, Attribute> = {
      ':l': text(JSON.stringify(Object.fromEntries(locks))),
      ':next': number(epoch + 1),
      ...(epoch > 0 && { ':epoch': number(epoch) }),
    }
    return {
      TableName: this.#environment.tables.log,
      Key: counterKey,
      UpdateExpression: 'SET l = :l, r = :next',
      ConditionExpression: epoch === 0 ? 'attribute_not_exists(r)' : 'r = :epoch',
      ExpressionAttributeValues: values,
    }
  }
}
