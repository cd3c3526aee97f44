/**
 * Locks on projections, for the moment when another generation takes over, or when a verification compares
 * documents.
 *
 * An append does not read the projection's item: that would cost as much as a document. The counter of slots
 * carries the locks and the inline projections instead, and an append receives both when it takes its slot.
 * Each lock and each unlock increases an epoch, which is the condition of the next change:
 *
 *     epoch 1 ──▶ epoch 2, locked ──▶ epoch 3, unlocked: readers use the new generation, or still the old one
 *                     │
 *                     ├ slots taken before the lock: the rebuild waits until they are settled, and folds their events
 *                     └ slots taken under the lock: the append seals its slot, waits for the unlock, and retries
 *
 * A lock of a projection blocks the appends of the stores that name this projection in `inline`. The lock of all
 * appends blocks every append: a projection that becomes inline must also contain the events of stores that do not
 * name it.
 */
import { randomUUID } from 'node:crypto'
import { type RegisteredProjection, sleep } from '../../storage/index.ts'
import type { Environment } from '../environment.ts'
import { counterKey } from '../keys.ts'
import { type Counter, counterOf, inlineText } from '../log/slots.ts'
import { type Attribute, number, text } from '../requests/attributes.ts'
import { idleKey, idleUpdate, Liveness } from '../requests/liveness.ts'
import type { Part } from '../requests/writer.ts'
import { longestLock } from '../subscriptions/checkpoint.ts'
import type { DynamodbSubscriptions } from '../subscriptions/subscription.ts'

const lockPoll = 25
/** The name of the lock of all appends. No projection has this name. */
const allAppends = ''
// The interval at which a process that waits for a lock stores in the counter how long the lock is idle, for later
// processes.
const idleUpdateInterval = 500

export interface ProjectionLock {
  readonly name: string
  /** The counter as this lock has left it. */
  readonly counter: Counter
  /** Unlocks if the transaction that the lock protects is not committed. */
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
    const releaseCheckpoints = await this.#subscriptions.holdCheckpoints(name, signal)
    try {
      const { counter, release } = await this.#set(name, signal)
      return { name, counter, release: () => release().finally(releaseCheckpoints) }
    } catch (error) {
      await releaseCheckpoints()
      throw error
    }
  }

  /** Blocks the appends of all processes. Waits first if another process holds the same lock. */
  lockAppends(signal: AbortSignal | undefined): Promise<ProjectionLock> {
    return this.#set(allAppends, signal)
  }

  async #set(name: string, signal: AbortSignal | undefined): Promise<ProjectionLock> {
    const { slots } = this.#environment
    const id = randomUUID()
    const release = () => this.#unlock(name, id)
    try {
      for (;;) {
        const counter = await slots.counter(signal)
        // An earlier request has set the lock, and its answer was lost.
        if (counter.locks.get(name) === id) return { name, counter, release }
        // Only the process with the lease of the build locks a projection. So an older lock of a projection is left from
        // a dead process, and this one replaces it. The lock of all appends has no lease.
        if (name === allAppends && counter.locks.has(name)) {
          await this.#waitUnlocked([name], signal)
          continue
        }
        const locks = new Map([...counter.locks, [name, id]])
        if (!(await this.#setLocks(counter, locks))) continue
        return { name, counter: { ...counter, locks, epoch: counter.epoch + 1 }, release }
      }
    } catch (error) {
      await release()
      throw error
    }
  }

  /**
   * Returns the part that a transaction with these locks writes last: it removes the locks, and updates the list of
   * inline projections. `counter`: as the last of the locks has left it. `changed`: the projection that the transaction
   * changes.
   */
  unlockPart(counter: Counter, names: readonly string[], changed: RegisteredProjection | undefined): Part {
    const others = new Map([...counter.locks].filter(([other]) => !names.includes(other)))
    const item = { Update: this.#locksUpdate(counter, others, changed) }
    return { item, size: 0, name: 'counter', failed: () => undefined }
  }

  /**
   * Whether an append must wait. `names`: the inline projections of its store. The first parameter: the counter that
   * came with the append's slot.
   */
  blocks({ locks }: Counter, names: readonly string[]): boolean {
    return locks.has(allAppends) || names.some((name) => locks.has(name))
  }

  /** Resolves once no lock blocks an append. `names`: the inline projections of its store. */
  waitForAppends(names: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    return this.#waitUnlocked([allAppends, ...names], signal)
  }

  /** Resolves once none of these names is locked. Removes a lock that has been idle for too long. */
  async #waitUnlocked(names: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const { slots, connection, tables } = this.#environment
    for (let storedAt = performance.now(); ; ) {
      const item = await slots.counterItem(signal)
      const { locks } = counterOf(item)
      const held = names.filter((name) => locks.has(name))
      if (item === undefined || held.length === 0) return
      const counter = this.#liveness.observe(counterKey.p.S, [item]).get(idleKey(counterKey))
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

  /** The update of the counter to other locks, and to the next epoch. `changed`: the projection that changes. */
  #locksUpdate({ epoch, inline }: Counter, locks: Counter['locks'], changed?: RegisteredProjection): object {
    const values: Record<string, Attribute> = {
      ':l': text(JSON.stringify(Object.fromEntries(locks))),
      ':next': number(epoch + 1),
      ...(epoch > 0 && { ':epoch': number(epoch) }),
      ...(changed && { ':i': text(inlineText(inline, changed)) }),
    }
    return {
      TableName: this.#environment.tables.log,
      Key: counterKey,
      UpdateExpression: `SET l = :l, r = :next${changed ? ', i = :i' : ''}`,
      ConditionExpression: epoch === 0 ? 'attribute_not_exists(r)' : 'r = :epoch',
      ExpressionAttributeValues: values,
    }
  }
}
