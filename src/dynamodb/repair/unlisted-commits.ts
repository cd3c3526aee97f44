/** Lists commits in the log that no slot lists: in their own slot again, or in a new slot at the end of the log. */
import { randomUUID } from 'node:crypto'
import { pause, type RecordedEvent, StoreUnavailableError } from '../../storage/index.ts'
import { eventsOf, textOfCommit } from '../commits/read.ts'
import { blockOf, commitKey, counterKey, firstOfBlock, type Key, lastOfBlock, slotKey } from '../keys.ts'
import {
  lastPositionIn,
  lostRun,
  type Run,
  runsOf,
  sealedItem,
  slotItem,
  slotOfItem,
} from '../log/slot-item.ts'
import { SlotReads } from '../log/slot-reads.ts'
import { counterOf } from '../log/slots.ts'
import { type Item, number } from '../requests/attributes.ts'
import { type CommitPlace, placeOf, placesIn } from './commit-place.ts'
import { putIds } from './event-id-places.ts'
import type { ProblemOf, RepairedProblem } from './problems.ts'
import { type RepairEnvironment, repairing } from './repair-environment.ts'

/** A stored commit with all of its items. */
interface WholeCommit {
  readonly place: CommitPlace
  readonly keys: readonly Key[]
  readonly events: readonly RecordedEvent[]
  /** Of its text, about. */
  readonly bytes: number
}

const mustNotExist = { ConditionExpression: 'attribute_not_exists(p)' }
const maxAttempts = 20
const inUse = () => new Error('another process seals slots or changes commits: stop all other processes')
const consistently = { consistent: true }

export class UnlistedCommits {
  readonly #environment: RepairEnvironment
  readonly #reads: SlotReads
  /** The next used slot after the last restored slot; its number is 0 if it is not known. */
  #next: { readonly number: number; readonly first: number } = { number: 0, first: 0 }

  constructor(environment: RepairEnvironment) {
    this.#environment = environment
    this.#reads = new SlotReads(environment.connection, environment.tables)
  }

  /**
   * Repairs the commits of one slot. The calls must have the order of the slots. A reader that finds the slot sealed, or
   * used by other events, has passed it: it would never see events that are put there later. So the commits then move.
   */
  async repair(
    slot: number,
    problems: readonly ProblemOf<'commit-without-slot'>[],
  ): Promise<readonly RepairedProblem[]> {
    const { connection, tables, progress } = this.#environment
    const commits: WholeCommit[] = []
    for (const { streamId, version } of problems) commits.push(await this.#read(streamId, version))
    const key = slotKey(slot)
    const exists = await connection.get(repairing(tables.log, key), key, progress.signal)
    const done = exists === undefined && (await this.#restore(slot, commits)) ? 'restored' : 'moved'
    if (done === 'moved') for (const commit of commits) await this.#move(commit)
    return problems.map((problem) => ({ ...problem, done }))
  }

  /** Moves all events of a slot to the end of the log, and seals the slot. */
  async moveSlot(slot: number): Promise<void> {
    const { connection, tables, progress } = this.#environment
    const key = slotKey(slot)
    const item = await connection.get(repairing(tables.log, key), key, progress.signal)
    const places = [...placesIn(slotOfItem(item as Item)).values()]
    for (const { streamId, first } of places) {
      const commit = await this.#read(streamId, first)
      if (commit.place.slot === slot) await this.#move(commit)
    }
    await connection.write(repairing(tables.log, key), 'PutItem', { Item: sealedItem(slot) }, progress.signal)
  }

  async #read(streamId: string, version: number): Promise<WholeCommit> {
    const commit = await this.#environment.stored.read({ streamId, first: version })
    const text = textOfCommit(commit)
    return {
      place: placeOf(commit.first),
      keys: [commit.first, ...commit.others].map(({ p, s }) => ({ p, s }) as Key),
      events: eventsOf(streamId, commit, text),
      bytes: text.length,
    }
  }

  /** Puts a slot again, with the positions that its events had. Returns false if other slots have taken them. */
  async #restore(slot: number, commits: readonly WholeCommit[]): Promise<boolean> {
    const { connection, tables, progress } = this.#environment
    const first = commits.reduce(
      (least, { place }) => Math.min(least, place.firstPosition),
      Number.MAX_SAFE_INTEGER,
    )
    const last = commits.reduce((most, { place }) => Math.max(most, place.lastPosition), 0)
    if ((await this.#endBefore(slot)) >= first || (await this.#startAfter(slot)) <= last) return false
    const key = slotKey(slot)
    const put = { Item: itemOf(slot, first, commits), ...mustNotExist }
    if (!(await connection.write(repairing(tables.log, key), 'PutItem', put, progress.signal)).done)
      return false
    for (const { events } of commits) await putIds(this.#environment, events)
    return true
  }

  /** Returns the last position of the used slots before a slot. */
  async #endBefore(slot: number): Promise<number> {
    const { signal } = this.#environment.progress
    for (let end = slot - 1; end >= 1; end = firstOfBlock(blockOf(end)) - 1) {
      const found = await this.#reads.read(firstOfBlock(blockOf(end)), end, consistently, signal)
      const used = found.findLast(({ count }) => count > 0)
      if (used !== undefined) return lastPositionIn(used)
    }
    return 0
  }

  /** Returns the first position of the used slots after a slot. */
  async #startAfter(slot: number): Promise<number> {
    if (this.#next.number <= slot) this.#next = await this.#usedAfter(slot)
    return this.#next.first
  }

  async #usedAfter(slot: number): Promise<{ readonly number: number; readonly first: number }> {
    const { connection, progress, tables } = this.#environment
    const item = await connection.get(repairing(tables.log, counterKey), counterKey, progress.signal)
    const last = counterOf(item).slot
    for (let start = slot + 1; start <= last; start = lastOfBlock(blockOf(start)) + 1) {
      const found = await this.#reads.read(start, lastOfBlock(blockOf(start)), consistently, progress.signal)
      const used = found.find(({ count }) => count > 0)
      if (used !== undefined) return used
    }
    return { number: Number.MAX_SAFE_INTEGER, first: Number.MAX_SAFE_INTEGER }
  }

  /**
   * Moves a commit to a new slot at the end of the log, in one transaction. Its events keep their times, and the
   * distances of their positions.
   */
  async #move(commit: WholeCommit): Promise<void> {
    const { connection, tables, slots, progress, empty } = this.#environment
    const { streamId, first: version, firstPosition, lastPosition } = commit.place
    for (let attempt = 1; ; attempt++) {
      const slot = await slots.take(lastPosition - firstPosition + 1, progress.signal)
      const shift = slot.first - firstPosition
      const events = commit.events.map((event) => ({ ...event, position: event.position + shift }))
      const updates = commit.keys.map(({ p, s }) => ({
        Update: {
          TableName: tables.events,
          Key: { p, s },
          UpdateExpression: 'SET g = :slot, o = :position',
          ConditionExpression: 'attribute_exists(p)',
          ExpressionAttributeValues: { ':slot': number(slot.number), ':position': number(slot.first) },
        },
      }))
      const item = itemOf(slot.number, slot.first, [{ ...commit, events }])
      const put = { Put: { TableName: tables.log, Item: item, ...mustNotExist } }
      const subject = repairing(tables.events, commitKey(streamId, version))
      const failures = await connection.transact(subject, [...updates, put], randomUUID(), progress.signal)
      if (failures === undefined) {
        empty.mark(firstPosition, lastPosition)
        await putIds(this.#environment, events)
        return
      }
      // A reader has sealed the new slot: take another one.
      if (attempt === maxAttempts)
        throw new StoreUnavailableError('Repairing the tables', attempt - 1, inUse())
      await pause(attempt, progress.signal)
    }
  }
}

/** Returns the item of a slot with these commits. Positions between their events stay empty. */
function itemOf(number: number, first: number, commits: readonly WholeCommit[]): Item {
  const events = commits
    .flatMap(({ events, place, bytes }) => events.map((event) => ({ ...event, commit: place.first, bytes })))
    .sort((a, b) => a.position - b.position)
  const runs: Run[] = []
  let next = first
  for (let from = 0; from < events.length; ) {
    const { position } = events[from] as RecordedEvent
    let to = from + 1
    while (events[to]?.position === position + to - from) to++
    if (position > next) runs.push(lostRun(position - next))
    runs.push(...runsOf(events.slice(from, to)))
    next = position + to - from
    from = to
  }
  const recordedAt = events.reduce(
    (latest, { recordedAt }) => Math.max(latest, recordedAt.getTime()),
    Number.NEGATIVE_INFINITY,
  )
  return slotItem({ number, first, runs, commits: [], recordedAt, writtenAt: Date.now() }, true)
}
