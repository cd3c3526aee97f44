/**
 * Verifies the two tables, with an amount of memory that grows only with the number of problems:
 *
 *     1  scan the commits     checksums of their places; lost versions and lost items
 *     2  read all slots       checksums of the commits that they list; the order of the positions
 *     3  where the checksums of both differ: read the slots again, and look for each commit that they list
 *     4                       scan the commits again, and look for each of them in its slot
 *
 * The first two steps read eventually consistently, at half the price. All others read consistently: they decide.
 */

import { blockOf, eraKey, firstOfBlock, lastOfBlock, slotKey, type Tables } from '../keys.ts'
import { commitNameOf, isLost, lastPositionIn, type Slot, slotOfItem } from '../log/slot-item.ts'
import { SlotReads } from '../log/slot-reads.ts'
import { counterOf, Slots } from '../log/slots.ts'
import type { Connection } from '../requests/connection.ts'
import { highestCheckpoint } from './checkpoints.ts'
import { type CommitPlace, placesIn } from './commit-place.ts'
import { type ScannedCommit, scanCommits } from './commit-scan.ts'
import { EmptyPositions, SlotChecksums } from './marks.ts'
import {
  compareProblems,
  type TableCheckOptions,
  type TableProblem,
  type VerifyTablesResult,
} from './problems.ts'
import { Progress } from './scan.ts'
import { StoredCommits } from './stored-commits.ts'

const blocksAtOnce = 8
const requestsAtOnce = 50

/** @throws InvalidInputError if an option is not valid */
export async function verifyTables(
  connection: Connection,
  tables: Tables,
  options: TableCheckOptions | undefined,
): Promise<VerifyTablesResult> {
  const verification = new Verification(connection, tables, new Progress(options))
  await verification.run()
  const { commits, slots, problems } = verification
  return { ok: problems.length === 0, commits, slots, problems }
}

export class Verification {
  /** In the order of `compareProblems`. */
  readonly problems: TableProblem[] = []
  /** The positions that no slot has. */
  readonly empty: EmptyPositions = new EmptyPositions()
  /** The number of stored commits. */
  commits = 0
  /** The number of stored slots. */
  slots = 0
  readonly #connection: Connection
  readonly #tables: Tables
  readonly #progress: Progress
  readonly #stored: StoredCommits
  readonly #counter: Slots
  readonly #checksums = new SlotChecksums()
  #highestSlot = 0
  #highestPosition = 0

  constructor(connection: Connection, tables: Tables, progress: Progress) {
    this.#connection = connection
    this.#tables = tables
    this.#progress = progress
    this.#stored = new StoredCommits(connection, tables, progress.signal)
    this.#counter = new Slots(connection, tables, 0)
  }

  async run(): Promise<void> {
    await this.#scanCommits()
    await this.#readSlots()
    await this.#checkCounter()
    if (this.#checksums.differsAnywhere) {
      await this.#findLostCommits()
      await this.#findUnlistedCommits()
    }
    // Segments end in any order.
    this.problems.sort(compareProblems)
  }

  async #scanCommits(): Promise<void> {
    await scanCommits(this.#connection, this.#tables, { consistent: false }, this.#progress, () => {
      let previous: ScannedCommit | undefined
      return async (commits) => {
        for (const commit of commits) {
          this.commits++
          this.#checksums.addStored(commit)
          this.#highestSlot = Math.max(this.#highestSlot, commit.slot)
          this.#highestPosition = Math.max(this.#highestPosition, commit.lastPosition)
          const follows = previous?.streamId === commit.streamId && previous.last === commit.first - 1
          if (!follows) await this.#checkPrevious(commit)
          if (!commit.isComplete) await this.#checkItems(commit)
          previous = commit
        }
      }
    })
  }

  async #checkPrevious({ streamId, first }: CommitPlace): Promise<void> {
    if (first === 1) return
    const last = (await this.#stored.lastUpTo(streamId, first - 1))?.last ?? 0
    if (last === first - 1) return
    this.problems.push({ kind: 'missing-version', streamId, version: last + 1, through: first - 1 })
  }

  async #checkItems({ streamId, first }: CommitPlace): Promise<void> {
    if (await this.#stored.isComplete(streamId, first)) return
    this.problems.push({ kind: 'incomplete-commit', streamId, version: first })
  }

  /** Reads all slots in their order. Beyond the last known slot, it reads until it finds none. */
  async #readSlots(): Promise<void> {
    const { slot } = counterOf(await this.#counter.counterItem(this.#progress.signal))
    const known = Math.max(slot, this.#highestSlot)
    let end = 0
    for (let start = 1, last = 0; ; start = last + 1) {
      last = lastOfBlock(blockOf(start) + blocksAtOnce - 1)
      // Not one for all windows: it would keep blocks in memory for other readers.
      const reads = new SlotReads(this.#connection, this.#tables)
      const found = await reads.read(start, last, { consistent: false }, this.#progress.signal)
      await this.#progress.add(found.length)
      for (const one of found) end = this.#addSlot(one, end)
      if (found.length === 0 && last >= known) break
    }
    this.#highestPosition = Math.max(this.#highestPosition, end)
    this.empty.markAfter(end)
  }

  /** `end`: the last position of the slots before. Returns the last position of these slots and this one. */
  #addSlot(slot: Slot, end: number): number {
    this.slots++
    this.#highestSlot = Math.max(this.#highestSlot, slot.number)
    for (const place of placesIn(slot).values()) this.#checksums.addListed(place)
    if (slot.count === 0) return end
    if (slot.first <= end) {
      this.problems.push({ kind: 'slot-out-of-order', slot: slot.number, position: slot.first })
    } else if (slot.first > end + 1) {
      this.empty.mark(end + 1, slot.first - 1)
    }
    this.#markLost(slot)
    return Math.max(end, lastPositionIn(slot))
  }

  /** Marks the positions of events that an earlier repair found lost. */
  #markLost({ first, runs }: Slot): void {
    let position = first
    for (const run of runs) {
      if (isLost(run)) this.empty.mark(position, position + run.count - 1)
      position += run.count
    }
  }

  async #checkCounter(): Promise<void> {
    const { signal } = this.#progress
    const subject = { doing: 'Reading how the log is divided', table: this.#tables.log, key: eraKey.p.S }
    const era = await this.#connection.get(subject, eraKey, signal)
    if (era === undefined) this.problems.push({ kind: 'era-missing' })
    const item = await this.#counter.counterItem(signal)
    const counter = counterOf(item)
    const checkpoint = await highestCheckpoint(this.#connection, this.#tables, signal)
    const stored = { slot: this.#highestSlot, position: Math.max(this.#highestPosition, checkpoint) }
    if (item === undefined) this.problems.push({ kind: 'counter-missing', ...stored })
    else if (stored.slot > counter.slot || stored.position > counter.position) {
      this.problems.push({ kind: 'counter-behind', ...stored })
    }
  }

  async #findLostCommits(): Promise<void> {
    const { signal } = this.#progress
    const reads = new SlotReads(this.#connection, this.#tables)
    for (let block = 0; block <= blockOf(this.#highestSlot); block++) {
      if (!this.#checksums.differs(block)) continue
      const slots = await reads.read(firstOfBlock(block), lastOfBlock(block), { consistent: true }, signal)
      await this.#progress.add(slots.length)
      const places = slots.flatMap((slot) => [...placesIn(slot).values()])
      for (let from = 0; from < places.length; from += requestsAtOnce) {
        const some = places.slice(from, from + requestsAtOnce)
        const present = await this.#stored.present(some)
        for (const place of some) {
          if (present.has(place)) continue
          const { slot, streamId, first: version } = place
          this.problems.push({ kind: 'slot-without-commit', slot, streamId, version })
        }
      }
    }
  }

  async #findUnlistedCommits(): Promise<void> {
    const isSuspect = ({ slot, isComplete }: ScannedCommit) =>
      isComplete && this.#checksums.differs(blockOf(slot))
    await scanCommits(
      this.#connection,
      this.#tables,
      { consistent: true },
      this.#progress,
      () => async (commits) => {
        const suspects = commits.filter(isSuspect)
        for (let from = 0; from < suspects.length; from += requestsAtOnce) {
          await this.#checkListed(suspects.slice(from, from + requestsAtOnce))
        }
      },
    )
  }

  async #checkListed(commits: readonly CommitPlace[]): Promise<void> {
    const numbers = [...new Set(commits.map(({ slot }) => slot))]
    const subject = { doing: 'Reading the log', table: this.#tables.log, key: `${numbers.length} slots` }
    const keys = numbers.map(slotKey)
    const { signal } = this.#progress
    const items = await this.#connection.batchGet(subject, keys, { consistent: true }, signal)
    const listed = new Map(items.map(slotOfItem).map((slot) => [slot.number, placesIn(slot)]))
    for (const { streamId, first, slot } of commits) {
      if (listed.get(slot)?.has(commitNameOf({ streamId, commit: first }))) continue
      this.problems.push({ kind: 'commit-without-slot', streamId, version: first, slot })
    }
  }
}
