/**
 * Shares the reads of blocks between all readers of a process. Many subscriptions that catch up at the same time read the
 * same blocks, and DynamoDB then sends each block once. A complete block never changes, so it stays in memory for a while.
 * The items are not decoded here: each reader needs its own events, because handlers may change them.
 */
import { abortable } from '../../storage/index.ts'
import { type Item, sizeOf } from '../requests/attributes.ts'

// The limits of what stays in memory.
const maxBlocks = 256
const maxBytes = 4_194_304

interface RecentBlock {
  readonly items: Promise<readonly Item[]>
  /** 0 until the items are there. */
  bytes: number
}

export class RecentBlocks {
  /** The block that was used last comes last. */
  readonly #blocks = new Map<number, RecentBlock>()
  #bytes = 0
  /** Resolves with the turn of the last reader that waits. */
  #turn: Promise<void> = Promise.resolve()

  /**
   * Returns the items of a block, or calls `read` for them. `isComplete`: whether the block can get no further items. If the
   * signal is aborted, other callers still get the items.
   */
  async get(
    block: number,
    read: () => Promise<readonly Item[]>,
    isComplete: (items: readonly Item[]) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<readonly Item[]> {
    const known = this.#blocks.get(block)
    const recent = known ?? this.#read(block, read, isComplete)
    this.#blocks.delete(block)
    this.#blocks.set(block, recent)
    const items = await abortable(recent.items, signal)
    if (known !== undefined) await this.#nextTurn()
    return items
  }

  /**
   * Lets one reader at a time continue, each in its own turn of the event loop. Many readers that find block after block in
   * memory, and decode them, would otherwise keep the process from sending its heartbeats.
   */
  #nextTurn(): Promise<void> {
    this.#turn = this.#turn.then(() => new Promise<void>((resolve) => setImmediate(resolve)))
    return this.#turn
  }

  #read(
    block: number,
    read: () => Promise<readonly Item[]>,
    isComplete: (items: readonly Item[]) => boolean,
  ): RecentBlock {
    const items = read()
    const recent: RecentBlock = { items, bytes: 0 }
    items.then(
      (found) => {
        // A block that was forgotten meanwhile, or was read again since, is no longer counted here.
        if (this.#blocks.get(block) !== recent) return
        if (!isComplete(found)) return this.#forget(block)
        recent.bytes = found.reduce((sum, item) => sum + sizeOf(item), 0)
        this.#bytes += recent.bytes
        this.#forgetOldest()
      },
      () => {
        if (this.#blocks.get(block) === recent) this.#forget(block)
      },
    )
    return recent
  }

  #forgetOldest(): void {
    for (const block of this.#blocks.keys()) {
      if (this.#blocks.size <= maxBlocks && this.#bytes <= maxBytes) return
      this.#forget(block)
    }
  }

  #forget(block: number): void {
    this.#bytes -= this.#blocks.get(block)?.bytes ?? 0
    this.#blocks.delete(block)
  }
}
