/** Writes commits in one transaction: their items, their slot, and the documents of inline projections. */

import {
  type AppendSuccess,
  type CommitTimer,
  commitTimer,
  InlineFailure,
  type InlineProjections,
  type ProjectionTarget,
} from '../../storage/index.ts'
import { DynamodbStorageTransaction, type TransactionContext } from '../documents/transaction.ts'
import type { Environment } from '../environment.ts'
import type { Counter, TakenSlot } from '../log/slots.ts'
import type { Throttled } from '../requests/connection.ts'
import type { FailedPart } from '../requests/writer.ts'
import {
  type CommitEntry,
  type CommitPart,
  CommitPlan,
  checkParts,
  type EventReference,
  unchanged,
} from './commit-plan.ts'
import { hasTakenId } from './id-parts.ts'

/**
 * `stale`: the stream has changed since its head was read. `repeat`: an event id is taken. `again`: nothing is wrong with
 * the append; it must take another slot.
 */
export type CommitResult = AppendSuccess | 'stale' | 'repeat' | 'again'

// After so many conflicts over documents with the same slot, the append takes another slot.
const maxFolds = 20

export class Commits {
  readonly #context: TransactionContext
  readonly #environment: Environment
  readonly #inline: InlineProjections
  readonly #inlineNames: readonly string[]
  readonly #timer: CommitTimer | undefined

  constructor(context: TransactionContext, inline: InlineProjections) {
    this.#context = context
    this.#environment = context.environment
    this.#inline = inline
    this.#inlineNames = inline.named.map(({ name }) => name)
    this.#timer = commitTimer(context.environment.connection.measure)
  }

  /** Whether the store has inline projections, which run the user's code for each append. */
  get runsProjections(): boolean {
    return !this.#inline.isEmpty
  }

  /**
   * Registers the inline projections. An append calls it before it reads the stream, so that a wrong version
   * of a projection fails every append, also one that would be a conflict.
   *
   * @throws ProjectionVersionError
   */
  async register(signal: AbortSignal | undefined): Promise<void> {
    await this.#targets(signal)
  }

  /** Writes all appends in one transaction, or none. `order`: the order of the events in the log. */
  async write(
    entries: readonly CommitEntry[],
    signal: AbortSignal | undefined,
    order: readonly EventReference[] = orderOf(entries),
  ): Promise<readonly CommitResult[]> {
    if (order.length === 0) return this.#check(entries, signal)
    const take = () => this.#environment.slots.take(order.length, signal)
    return (await this.#timed(take, entries, signal, order)) as readonly CommitResult[]
  }

  /** Writes a group of appends in one transaction, or none of them. Does not retry a throttled request for the slot. */
  writeGroup(entries: readonly CommitEntry[]): Promise<readonly CommitResult[] | Throttled> {
    const order = orderOf(entries)
    const take = () => this.#environment.slots.takeUnlessThrottled(order.length)
    return this.#timed(take, entries, undefined, order)
  }

  #timed(
    take: () => Promise<TakenSlot | Throttled>,
    entries: readonly CommitEntry[],
    signal: AbortSignal | undefined,
    order: readonly EventReference[],
  ): Promise<readonly CommitResult[] | Throttled> {
    const write = () => this.#writeAt(take, entries, signal, order)
    return this.#timer === undefined ? write() : this.#timer(entries.length, write)
  }

  async #writeAt(
    take: () => Promise<TakenSlot | Throttled>,
    entries: readonly CommitEntry[],
    signal: AbortSignal | undefined,
    order: readonly EventReference[],
  ): Promise<readonly CommitResult[] | Throttled> {
    const targets = await this.#targets(signal)
    const { slots, writer } = this.#environment
    const takingSlot = take()
    // The `await` below throws its error.
    takingSlot.catch(() => {})
    // Encode the events while the request for the slot is under way.
    const plan = new CommitPlan(this.#environment, entries, order)
    const slot = await takingSlot
    if ('throttled' in slot) return slot
    if (this.#context.locks.blocks(slot.counter, this.#inlineNames)) {
      await this.#waitForLock(slot, signal)
      return entries.map(() => 'again')
    }
    let isUsed = false
    try {
      if (!this.#admits(targets, slot.counter)) return entries.map(() => 'again')
      const parts = plan.partsAt(slot)
      for (let fold = 1; ; fold++) {
        const documents = await this.#fold(targets, plan, slot, signal)
        if (documents === undefined) return entries.map(() => 'again')
        const failures = await writer.write('Appending', [...parts, ...documents], signal)
        isUsed = failures === undefined || plan.isDone(failures)
        if (isUsed) return plan.done()
        const others = failures as readonly FailedPart<CommitPart>[]
        if (others.every(({ part }) => part.about === 'document')) {
          this.#throwUserError(others)
          if (fold < maxFolds) continue
        }
        isUsed = others.some(({ part }) => part.about === 'slot')
        if (isUsed) this.#reportLate(slot)
        return entries.map((_, index) => resultOf(others, index))
      }
    } finally {
      if (!isUsed) await slots.giveBack(slot.number)
    }
  }

  /** Checks appends without events: writes nothing, and checks all expected versions in one transaction. */
  async #check(
    entries: readonly CommitEntry[],
    signal: AbortSignal | undefined,
  ): Promise<readonly CommitResult[]> {
    const parts = entries.flatMap((entry, index) => checkParts(this.#environment, entry, index))
    const failures = await this.#environment.writer.write('Checking versions', parts, signal)
    if (failures === undefined) return entries.map(({ head }) => unchanged(head))
    return entries.map((_, index) => resultOf(failures, index))
  }

  async #targets(signal: AbortSignal | undefined): Promise<readonly ProjectionTarget[]> {
    if (this.#inline.isEmpty) return []
    return this.#inline.targets({
      registerProjections: (projections) => this.#context.registry.registerProjections(projections, signal),
    })
  }

  /** Gives the slot back first: the process with the lock waits until all slots before it are settled. */
  async #waitForLock({ number }: TakenSlot, signal: AbortSignal | undefined): Promise<void> {
    this.#inline.forget()
    await this.#environment.slots.giveBack(number)
    await this.#context.locks.waitForAppends(this.#inlineNames, signal)
  }

  /**
   * Checks the inline projections against the counter that came with the slot. Returns false if the append must take another
   * slot: a projection was rebuilt since `targets`.
   * @throws MissingInlineProjectionError
   */
  #admits(targets: readonly ProjectionTarget[], counter: Counter): boolean {
    if (this.#inline.check(counter.inline) === 'stale') return false
    const generations = new Map(counter.inline.map(({ name, generation }) => [name, generation]))
    const isCurrent = targets.every(
      ({ projection, generation }) => generations.get(projection.name) === generation,
    )
    if (!isCurrent) this.#inline.forget()
    return isCurrent
  }

  /** Folds the events into documents, and returns their parts; undefined if the append needs a later slot. */
  async #fold(
    targets: readonly ProjectionTarget[],
    plan: CommitPlan,
    slot: TakenSlot,
    signal: AbortSignal | undefined,
  ): Promise<CommitPart[] | undefined> {
    if (targets.length === 0) return []
    const transaction = new DynamodbStorageTransaction(this.#context, slot.first, signal)
    try {
      await this.#inline.apply(targets, plan.recorded(), transaction, plan.callerOf())
      if (transaction.isTooEarly) return undefined
      return transaction.parts().map((part) => ({ ...part, about: 'document' }))
    } catch (error) {
      if (transaction.isTooEarly) return undefined
      // A document that is too large is also a failure of the projection.
      throw error instanceof InlineFailure ? error : new InlineFailure(error)
    } finally {
      await transaction.end()
    }
  }

  /** Throws a failed condition of the user's own items as the failure of the projection that wrote them. */
  #throwUserError(failures: readonly FailedPart<CommitPart>[]): void {
    for (const { part, reason } of failures) {
      const error = part.failed(reason)
      if (error !== undefined) throw new InlineFailure(error)
    }
  }

  #reportLate({ number }: TakenSlot): void {
    const { connection, tables } = this.#environment
    const subject = { doing: 'Appending', table: tables.log, key: `slot ${number}` }
    connection.report('late', subject, `slot ${number} was sealed before it was used`, 1)
  }
}

/** The events of the appends, one append after the other. */
function orderOf(entries: readonly CommitEntry[]): readonly EventReference[] {
  return entries.flatMap(({ append }, entryIndex) =>
    append.events.map((_, eventIndex) => ({ entryIndex, eventIndex })),
  )
}

/** The result of an entry in a transaction that failed. */
function resultOf(failures: readonly FailedPart<CommitPart>[], entryIndex: number): CommitResult {
  const own = failures.filter(({ part, reason }) =>
    part.ids === undefined ? part.entryIndex === entryIndex : hasTakenId(part.ids, entryIndex, reason.Item),
  )
  if (own.some(({ part }) => part.about === 'repeat')) return 'repeat'
  return own.length > 0 ? 'stale' : 'again'
}
