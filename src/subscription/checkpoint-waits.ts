/**
 * Waits until a subscription has reached a position. Its workers may run in any process, so it polls the checkpoints. All
 * callers of a store object that wait for the same subscription share one poll.
 */
import { SubscriptionBehindError } from '../errors/index.ts'
import { abortable, linkedController } from '../runtime/abort.ts'
import type { Clock } from '../runtime/clock.ts'
import type { PartitionCheckpoint, SubscriptionStorage } from '../storage/subscriptions.ts'
import type { CheckpointWriter } from './checkpoint-writer.ts'

// The pause between two polls of the checkpoints doubles from the first value up to the second, in milliseconds. It is
// short again when another caller begins to wait.
const shortestPause = 5
const longestPause = 250

export interface CheckpointTarget {
  /** The position to reach; 0 waits until the subscription exists. */
  readonly position: number
  /** How long to wait, in milliseconds. */
  readonly timeout: number
  /** When the caller began to wait, by the clock of the process. @default now */
  readonly since?: number | undefined
  readonly signal: AbortSignal | undefined
}

type CheckpointStorage = Pick<SubscriptionStorage, 'checkpoints'>

export class CheckpointWaits {
  readonly #storage: CheckpointStorage
  readonly #clock: Clock
  readonly #writer: Pick<CheckpointWriter, 'hurryAll'>
  readonly #watches = new Map<string, CheckpointWatch>()

  constructor(storage: CheckpointStorage, clock: Clock, writer: Pick<CheckpointWriter, 'hurryAll'>) {
    this.#storage = storage
    this.#clock = clock
    this.#writer = writer
  }

  /**
   * Resolves once all checkpoints of the subscription are at or after the position. Polls at least once.
   * @throws SubscriptionBehindError after the timeout
   * @throws the reason of the signal, or the error of a poll
   */
  async wait(name: string, target: CheckpointTarget): Promise<void> {
    target.signal?.throwIfAborted()
    const watch = this.#watches.get(name) ?? new CheckpointWatch(this.#storage, this.#clock, name)
    this.#watches.set(name, watch)
    const endHurry = this.#writer.hurryAll()
    try {
      await watch.wait(target)
    } finally {
      endHurry()
      if (!watch.hasWaiters && this.#watches.get(name) === watch) this.#watches.delete(name)
    }
  }
}

interface Waiter {
  readonly position: number
  readonly timeout: number
  /** When the timeout is over, by the clock of the process. */
  readonly end: number
  resolve(): void
  reject(error: unknown): void
}

/** Polls the checkpoints of one subscription for as long as a caller waits. */
class CheckpointWatch {
  readonly #storage: CheckpointStorage
  readonly #clock: Clock
  readonly #name: string
  readonly #waiters = new Set<Waiter>()
  /** Aborted when no caller waits any more. */
  #ended = new AbortController()
  #pause = shortestPause
  #wake = () => {}

  constructor(storage: CheckpointStorage, clock: Clock, name: string) {
    this.#storage = storage
    this.#clock = clock
    this.#name = name
  }

  get hasWaiters(): boolean {
    return this.#waiters.size > 0
  }

  async wait({ position, timeout, since, signal }: CheckpointTarget): Promise<void> {
    const isFirst = !this.hasWaiters
    const end = (since ?? this.#clock.now()) + timeout
    let leave = () => {}
    const reached = new Promise<void>((resolve, reject) => {
      const waiter = { position, timeout, end, resolve, reject }
      this.#waiters.add(waiter)
      leave = () => this.#waiters.delete(waiter)
    })
    this.#pause = shortestPause
    if (isFirst) {
      this.#ended = new AbortController()
      void this.#poll(this.#ended.signal)
    }
    this.#wake()
    try {
      await abortable(reached, signal)
    } finally {
      leave()
      if (!this.hasWaiters) this.#ended.abort(new Error('no caller waits'))
    }
  }

  /** Never rejects. */
  async #poll(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      // Only callers that waited before this poll began: its answer may be too old for a caller that comes during it.
      const waiters = [...this.#waiters]
      try {
        const checkpoints = await abortable(this.#storage.checkpoints(this.#name, ended), ended)
        for (const waiter of waiters) this.#answer(waiter, checkpoints)
      } catch (error) {
        for (const { reject } of waiters) reject(error)
      }
      await this.#sleep(this.#timeToNextPoll, ended)
      this.#pause = Math.min(this.#pause * 2, longestPause)
    }
  }

  /** In milliseconds. There may be more waiters than a call takes arguments, so this calls no `Math.min` of a list. */
  get #timeToNextPoll(): number {
    let next = this.#clock.now() + this.#pause
    for (const { end } of this.#waiters) next = Math.min(next, end)
    return next - this.#clock.now()
  }

  #answer({ position, timeout, end, resolve, reject }: Waiter, checkpoints: readonly PartitionCheckpoint[]) {
    const reached = lowestCheckpoint(checkpoints)
    // Without checkpoints the subscription does not exist yet. It may still start at a later end of the log.
    if (checkpoints.length > 0 && reached >= position) return resolve()
    if (this.#clock.now() < end) return
    reject(new SubscriptionBehindError(this.#name, position, reached, ownersOf(checkpoints), timeout))
  }

  /** Sleeps until the time is over, no caller waits any more, or another caller begins to wait. */
  async #sleep(milliseconds: number, ended: AbortSignal): Promise<void> {
    const { controller, unlink } = linkedController(ended)
    this.#wake = () => controller.abort(new Error('another caller waits'))
    await this.#clock.sleep(Math.max(0, milliseconds), controller.signal).catch(() => {})
    this.#wake = () => {}
    unlink()
  }
}

/** The position that every partition has reached; 0 if there are no checkpoints. */
export function lowestCheckpoint(checkpoints: readonly PartitionCheckpoint[]): number {
  return checkpoints.length === 0 ? 0 : Math.min(...checkpoints.map(({ position }) => position))
}

/** The workers that hold partitions, each once. */
export function ownersOf(checkpoints: readonly PartitionCheckpoint[]): string[] {
  return [...new Set(checkpoints.flatMap(({ owner }) => (owner === undefined ? [] : [owner])))]
}
