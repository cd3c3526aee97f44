/** Puts lost commits back from the copies in their slots, or empties their positions. */
import { randomUUID } from 'node:crypto'
import { encodeText, eventsOfTuples } from '../commits/commit-body.ts'
import { commitKey, commitPartKey, slotKey } from '../keys.ts'
import {
  type CommitInSlot,
  commitNameOf,
  isLost,
  lostRun,
  type Slot,
  sealedItem,
  slotItem,
  slotOfItem,
} from '../log/slot-item.ts'
import { type Item, number } from '../requests/attributes.ts'
import { type CommitPlace, placesIn } from './commit-place.ts'
import { putIds } from './event-id-places.ts'
import type { ProblemOf, RepairedProblem } from './problems.ts'
import { type RepairEnvironment, repairing } from './repair-environment.ts'

const mustNotExist = { ConditionExpression: 'attribute_not_exists(p)' }

export class LostCommits {
  readonly #environment: RepairEnvironment

  constructor(environment: RepairEnvironment) {
    this.#environment = environment
  }

  /** Repairs the lost commits of one slot. The commits of one stream must have the order of their versions. */
  async repair(
    number: number,
    problems: readonly ProblemOf<'slot-without-commit'>[],
  ): Promise<readonly RepairedProblem[]> {
    const slot = await this.#slot(number)
    const places = placesIn(slot)
    const repaired: RepairedProblem[] = []
    const emptied = new Set<string>()
    for (const problem of problems) {
      const name = commitNameOf({ streamId: problem.streamId, commit: problem.version })
      const copy = slot.commits?.get(name)
      const place = places.get(name) as CommitPlace
      const isRestored = copy !== undefined && (await this.#restore(place, copy, slot))
      if (!isRestored) emptied.add(name)
      repaired.push({ ...problem, done: isRestored ? 'restored' : 'emptied' })
    }
    if (emptied.size > 0) await this.#empty(slot, emptied)
    return repaired
  }

  async #slot(number: number): Promise<Slot> {
    const { connection, tables, progress } = this.#environment
    const key = slotKey(number)
    return slotOfItem((await connection.get(repairing(tables.log, key), key, progress.signal)) as Item)
  }

  /**
   * Puts a commit back, if it follows the last commit of its stream that is stored. Otherwise returns false: the commit
   * before it is lost, or its events were appended again.
   */
  async #restore(place: CommitPlace, copy: CommitInSlot, slot: Slot): Promise<boolean> {
    const { streamId, first, last, firstPosition, lastPosition } = place
    const { connection, tables, stored, progress } = this.#environment
    const before = await stored.lastUpTo(streamId, last)
    if ((before?.last ?? 0) !== first - 1) return false
    const { parts } = encodeText(JSON.stringify(copy.tuples), true)
    const distance = lastPosition - firstPosition
    const attributes: Item = {
      v: number(last),
      t: number(copy.recordedAt),
      g: number(slot.number),
      o: number(firstPosition),
      ...(distance !== last - first && { y: number(distance) }),
      ...(parts.length > 1 && { m: number(parts.length) }),
      ...(first === 1 && { w: number(slot.writtenAt) }),
    }
    const puts = parts.map((body, part) => {
      const key = part === 0 ? commitKey(streamId, first) : commitPartKey(streamId, first, part)
      return { Put: { TableName: tables.events, Item: { ...key, ...attributes, ...body }, ...mustNotExist } }
    })
    const subject = repairing(tables.events, commitKey(streamId, first))
    const failures = await connection.transact(subject, puts, randomUUID(), progress.signal)
    if (failures !== undefined) return false
    const origin = { streamId, firstVersion: first, firstPosition, recordedAt: copy.recordedAt }
    await putIds(this.#environment, eventsOfTuples(copy.tuples, origin))
    return true
  }

  /** Empties the positions of lost commits. The positions of the other events in the slot stay as they are. */
  async #empty(slot: Slot, names: ReadonlySet<string>): Promise<void> {
    const { connection, empty, tables, progress } = this.#environment
    let position = slot.first
    const runs = slot.runs.map((run) => {
      const from = position
      position += run.count
      if (!names.has(commitNameOf(run))) return run
      empty.mark(from, position - 1)
      return lostRun(run.count)
    })
    // Without the copies of the commits: they have the order of the runs, and readers fetch the commits themselves.
    const item = runs.every(isLost) ? sealedItem(slot.number) : slotItem({ ...slot, runs, commits: [] }, true)
    const key = slotKey(slot.number)
    await connection.write(repairing(tables.log, key), 'PutItem', { Item: item }, progress.signal)
  }
}
