/**
 * Verifies and repairs tables that were restored to a point in time. DynamoDB restores each table by itself,
 * so a table may lack the part of a transaction that the other table has. The repair gives a commit without a
 * slot its slot, and empties the positions of a slot whose commit is lost.
 */
import type { RecordedEvent } from '../storage/index.ts'
import { type Item, number, numberOf, textOf } from './attributes.ts'
import { encodeText } from './commit-body.ts'
import type { Connection } from './connection.ts'
import { headOf } from './heads.ts'
import { attributeOf, idsIn, idUpdate, type LocatedId, neighboursIn } from './id-item.ts'
import {
  afterCommitSort,
  commitKey,
  commitSort,
  counterKey,
  eventIdPrefix,
  firstVersionOf,
  type Key,
  listedKey,
  range,
  slotKey,
  streamPartition,
  type Tables,
} from './keys.ts'
import { eventsOf, partsIn } from './read.ts'
import { scan } from './scan.ts'
import {
  isLost,
  lastPositionIn,
  lostRun,
  type Run,
  runsOf,
  type Slot,
  sealedItem,
  slotItem,
  slotOfItem,
} from './slot-item.ts'
import { type Counter, counterOf } from './slots.ts'

/** One way in which the two tables do not agree. */
export type TableProblem =
  /** A commit that the log does not list. */
  | {
      readonly kind: 'commit-without-slot'
      readonly streamId: string
      readonly version: number
      readonly slot: number
    }
  /** Events that the log lists, but that are not stored. */
  | {
      readonly kind: 'slot-without-commit'
      readonly slot: number
      readonly streamId: string
      readonly version: number
    }
  /** Slots, positions or checkpoints beyond the counter: writers would take them a second time. */
  | { readonly kind: 'counter-behind'; readonly slot: number; readonly position: number }
  /** Lost versions before other versions of the stream. No repair restores them. */
  | { readonly kind: 'missing-version'; readonly streamId: string; readonly version: number }
  /** A commit that has lost some of its items. No repair restores it. */
  | { readonly kind: 'incomplete-commit'; readonly streamId: string; readonly version: number }

/** The result of `schema.verify()`. */
export interface VerifyTablesResult {
  /** True if there is no problem. */
  readonly ok: boolean
  /** The number of stored commits. */
  readonly commits: number
  /** The number of stored slots, used or sealed. */
  readonly slots: number
  readonly problems: readonly TableProblem[]
}

/** The result of `schema.repair()`. */
export interface RepairResult {
  /** The problems that it repaired. */
  readonly repaired: readonly TableProblem[]
  /** The problems that remain. */
  readonly left: readonly TableProblem[]
}

interface StoredCommit {
  readonly streamId: string
  readonly first: number
  readonly last: number
  readonly slot: number
  readonly firstPosition: number
  readonly lastPosition: number
  /** How many items it must have. */
  readonly parts: number
  /** How many of them are stored. */
  readonly found: number
}

interface Contents {
  readonly commits: readonly StoredCommit[]
  readonly slots: ReadonlyMap<number, Slot>
  readonly counter: Counter
  /** The highest position of a checkpoint: a subscription would skip later events up to it. */
  readonly checkpoint: number
  /** Whether the events that a slot lists are stored, and belong to it. */
  isStored(slot: number, run: Run): boolean
}

export async function verifyTables(connection: Connection, tables: Tables): Promise<VerifyTablesResult> {
  const contents = await readContents(connection, tables)
  const problems = problemsOf(contents)
  const { commits, slots } = contents
  return { ok: problems.length === 0, commits: commits.length, slots: slots.size, problems }
}

async function readContents(connection: Connection, tables: Tables): Promise<Contents> {
  const found = new Map<string, { commit: Omit<StoredCommit, 'found'> | undefined; found: number }>()
  const attributes = 'p, s, v, t, g, o, y, m'
  await scan(connection, tables.events, { ProjectionExpression: attributes }, (item) => {
    const { p, s } = item as Key
    if (p.S.startsWith('S#')) {
      const streamId = p.S.slice(2)
      const first = firstVersionOf(item)
      const name = `${first} ${streamId}`
      const gathered = found.get(name) ?? { commit: undefined, found: 0 }
      gathered.found++
      if (!s.S.includes('+')) {
        const slot = numberOf(item, 'g') as number
        const { version, position } = headOf(item)
        const parts = partsIn(item)
        const firstPosition = numberOf(item, 'o') as number
        gathered.commit = {
          streamId,
          first,
          last: version,
          slot,
          firstPosition,
          lastPosition: position,
          parts,
        }
      }
      found.set(name, gathered)
    }
  })
  const commits = [...found].map(([name, { commit, found }]): StoredCommit => {
    const [first, streamId] = [Number(name.split(' ', 1)[0]), name.slice(name.indexOf(' ') + 1)]
    return {
      streamId,
      first,
      last: first,
      slot: 0,
      firstPosition: 0,
      lastPosition: 0,
      parts: found + 1,
      ...commit,
      found,
    }
  })
  const slots = new Map<number, Slot>()
  let counter = counterOf(undefined)
  let checkpoint = 0
  await scan(connection, tables.log, {}, (item) => {
    const { p, s } = item as Key
    if (p.S.startsWith('L#')) slots.set(slotOfItem(item).number, slotOfItem(item))
    else if (p.S === counterKey.p.S) counter = counterOf(item)
    else if (p.S.startsWith('K#') && /^[cs]#/.test(s.S)) {
      // A checkpoint, or the checkpoints of former partitions.
      const former: readonly number[] = JSON.parse(textOf(item, 'l') ?? '[]')
      checkpoint = Math.max(checkpoint, numberOf(item, 'o') ?? 0, ...former)
    }
  })
  const byName = new Map(commits.map((commit) => [`${commit.first} ${commit.streamId}`, commit]))
  const isStored = (slot: number, run: Run) => {
    const commit = byName.get(`${run.commit} ${run.streamId}`)
    // A commit that was written again after the restore belongs to its new slot, and not to the old one.
    return commit?.slot === slot
  }
  return { commits, slots, counter, checkpoint, isStored }
}

function problemsOf({ commits, slots, counter, checkpoint, isStored }: Contents): TableProblem[] {
  const problems: TableProblem[] = []
  const listed = new Set<string>()
  for (const { number, runs } of slots.values()) {
    for (const run of runs) {
      if (isLost(run)) continue
      const { commit, streamId, firstVersion: version } = run
      if (isStored(number, run)) listed.add(`${number} ${commit} ${streamId}`)
      else problems.push({ kind: 'slot-without-commit', slot: number, streamId, version })
    }
  }
  const ends = new Map<string, number>()
  let [highest, position] = [0, checkpoint]
  for (const slot of slots.values()) {
    highest = Math.max(highest, slot.number)
    if (slot.count > 0) position = Math.max(position, lastPositionIn(slot))
  }
  for (const commit of [...commits].sort((a, b) => a.first - b.first)) {
    const { streamId, first: version, last, slot, lastPosition, parts, found } = commit
    const end = ends.get(streamId) ?? 0
    if (version > end + 1) problems.push({ kind: 'missing-version', streamId, version: end + 1 })
    ends.set(streamId, last)
    highest = Math.max(highest, slot)
    position = Math.max(position, lastPosition)
    if (found < parts) {
      problems.push({ kind: 'incomplete-commit', streamId, version })
      continue
    }
    if (listed.has(`${slot} ${version} ${streamId}`)) continue
    problems.push({ kind: 'commit-without-slot', streamId, version, slot })
  }
  if (highest > counter.slot || position > counter.position) {
    problems.push({ kind: 'counter-behind', slot: highest, position })
  }
  return problems
}

export async function repairTables(connection: Connection, tables: Tables): Promise<RepairResult> {
  const contents = await readContents(connection, tables)
  const problems = problemsOf(contents)
  const repair = new Repair(connection, tables, contents)
  const left = new Set(
    problems.filter(({ kind }) => kind === 'missing-version' || kind === 'incomplete-commit'),
  )
  const problemsOfKind = <K extends TableProblem['kind']>(kind: K) =>
    problems.filter((problem): problem is Extract<TableProblem, { kind: K }> => problem.kind === kind)
  for (const problem of problemsOfKind('counter-behind')) await repair.moveCounter(problem)
  const lost = problemsOfKind('slot-without-commit')
  for (const slot of new Set(lost.map((problem) => problem.slot))) await repair.emptySlot(slot)
  if (lost.length > 0) await repair.forgetIds(lost)
  const unlisted = problemsOfKind('commit-without-slot')
  // In the order of their slots, which is also the order of each stream's versions.
  for (const slot of [...new Set(unlisted.map((problem) => problem.slot))].sort((a, b) => a - b)) {
    const commits = unlisted.filter((problem) => problem.slot === slot)
    for (const problem of await repair.putSlot(slot, commits)) left.add(problem)
  }
  if (problems.length > 0) await repair.resetStreamList()
  return { repaired: problems.filter((problem) => !left.has(problem)), left: [...left] }
}

type Unlisted = Extract<TableProblem, { kind: 'commit-without-slot' }>

class Repair {
  readonly #connection: Connection
  readonly #tables: Tables
  readonly #contents: Contents

  constructor(connection: Connection, tables: Tables, contents: Contents) {
    this.#connection = connection
    this.#tables = tables
    this.#contents = contents
  }

  #write(table: string, key: Key, command: 'PutItem' | 'UpdateItem' | 'DeleteItem', input: object) {
    return this.#connection.write({ doing: 'Repairing the tables', table, key: key.p.S }, command, input)
  }

  async moveCounter({ slot, position }: { readonly slot: number; readonly position: number }): Promise<void> {
    const { counter } = this.#contents
    await this.#write(this.#tables.log, counterKey, 'UpdateItem', {
      Key: counterKey,
      UpdateExpression: 'SET n = :slot, c = :position',
      ExpressionAttributeValues: {
        ':slot': number(Math.max(slot, counter.slot)),
        ':position': number(Math.max(position, counter.position)),
      },
    })
  }

  /** Makes the next process that lists the streams read the whole log. */
  async resetStreamList(): Promise<void> {
    await this.#write(this.#tables.events, listedKey, 'DeleteItem', { Key: listedKey })
  }

  /** Empties the positions of lost events. The positions of the other events in the slot stay as they are. */
  async emptySlot(slot: number): Promise<void> {
    const { runs, ...stored } = this.#contents.slots.get(slot) as Slot
    const kept = runs.map((run) => (this.#contents.isStored(slot, run) ? run : lostRun(run.count)))
    // Without the commits: readers fetch them from the events table.
    const item = kept.every(isLost)
      ? sealedItem(slot)
      : slotItem({ ...stored, runs: kept, commits: [] }, true)
    await this.#write(this.#tables.log, slotKey(slot), 'PutItem', { Item: item })
  }

  /** Deletes the ids of lost events, so that they can be used again. */
  async forgetIds(lost: readonly { readonly slot: number; readonly streamId: string }[]): Promise<void> {
    const lostStreams = new Set(lost.map(({ streamId }) => streamId))
    const { commits } = this.#contents
    const isStored = (streamId: string, position: number) =>
      commits.some(
        (commit) =>
          commit.streamId === streamId && commit.firstPosition <= position && position <= commit.lastPosition,
      )
    const lostIds: { readonly key: Key; readonly attributes: readonly string[] }[] = []
    await scan(this.#connection, this.#tables.log, {}, (item) => {
      const { p, s } = item as Key
      if (!p.S.startsWith(eventIdPrefix)) return
      const isLost = ({ location: { streamId, position } }: LocatedId) =>
        lostStreams.has(streamId) && !isStored(streamId, position)
      const attributes = idsIn(item)
        .filter(isLost)
        .map(({ id }) => attributeOf(id))
      if (attributes.length > 0) lostIds.push({ key: { p, s }, attributes })
    })
    // An item that has no ids left does no harm.
    for (const { key, attributes } of lostIds) {
      const input = { Key: key, UpdateExpression: `REMOVE ${attributes.join(', ')}` }
      await this.#write(this.#tables.log, key, 'UpdateItem', input)
    }
  }

  /**
   * Lists the commits of a slot that is missing or was sealed. Returns the commits that are too large to be
   * moved.
   */
  async putSlot(slot: number, commits: readonly Unlisted[]): Promise<readonly Unlisted[]> {
    // Readers may have passed a sealed slot, and would never see events that are put there: move the commits
    // to the end.
    if (this.#contents.slots.has(slot)) {
      const left: Unlisted[] = []
      for (const commit of commits) if (!(await this.#moveToEnd(commit))) left.push(commit)
      return left
    }
    const events: RecordedEvent[] = []
    for (const { streamId, version } of commits) events.push(...(await this.#eventsOf(streamId, version)))
    await this.#restoreSlot(
      slot,
      events.sort((a, b) => a.position - b.position),
      commits,
    )
    await this.#putIds(events)
    return []
  }

  async #eventsOf(streamId: string, version: number): Promise<RecordedEvent[]> {
    const partition = streamPartition(streamId)
    const [first, ...others] = await this.#connection.queryAll(
      { doing: 'Repairing the tables', table: this.#tables.events, key: partition },
      {
        KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
        ExpressionAttributeValues: range(partition, commitSort(version), afterCommitSort(version)),
      },
    )
    return eventsOf(streamId, { first: first as Item, others })
  }

  /** Puts a slot again, with the positions that its events had. Positions between them may stay empty. */
  async #restoreSlot(
    slot: number,
    events: readonly RecordedEvent[],
    commits: readonly Unlisted[],
  ): Promise<void> {
    const runs: Run[] = []
    const first = events[0]?.position as number
    let next = first
    for (let from = 0; from < events.length; ) {
      const { position } = events[from] as RecordedEvent
      let to = from + 1
      while (events[to]?.position === position + to - from) to++
      if (position > next) runs.push(lostRun(position - next))
      runs.push(...this.#runs(events.slice(from, to), commits))
      next = position + to - from
      from = to
    }
    await this.#write(this.#tables.log, slotKey(slot), 'PutItem', {
      Item: slotItem(
        { number: slot, first, runs, commits: [], recordedAt: latestOf(events), writtenAt: Date.now() },
        true,
      ),
      ConditionExpression: 'attribute_not_exists(p)',
    })
  }

  #runs(events: readonly RecordedEvent[], commits: readonly Pick<Unlisted, 'streamId' | 'version'>[]): Run[] {
    return runsOf(
      events.map(({ streamId, version, type }) => ({
        streamId,
        version,
        type,
        commit: commits.findLast((commit) => commit.streamId === streamId && commit.version <= version)
          ?.version as number,
        bytes: 0,
      })),
    )
  }

  /** Moves a commit to a new slot at the end of the log. Returns false if it is too large. */
  async #moveToEnd({ streamId, version }: Unlisted): Promise<boolean> {
    const events = await this.#eventsOf(streamId, version)
    // In the new slot, its events are consecutive. Each keeps its own time.
    const tuples = events.map(({ id, type, data, metadata, tags, recordedAt }, index) => [
      id,
      type,
      data,
      metadata,
      tags,
      recordedAt.getTime(),
      index,
    ])
    const { parts } = encodeText(JSON.stringify(tuples), true)
    if (parts.length > 1) return false
    const taken = await this.#write(this.#tables.log, counterKey, 'UpdateItem', {
      Key: counterKey,
      UpdateExpression: 'SET n = n + :one, c = c + :count',
      ExpressionAttributeValues: { ':one': number(1), ':count': number(events.length) },
      ReturnValues: 'ALL_NEW',
    })
    const { slot, position } = counterOf(taken.item)
    const firstPosition = position - events.length + 1
    const times = { recordedAt: latestOf(events), writtenAt: Date.now() }
    const key = commitKey(streamId, version)
    await this.#write(this.#tables.events, key, 'PutItem', {
      Item: {
        ...key,
        v: number(version + events.length - 1),
        t: number(times.recordedAt),
        g: number(slot),
        o: number(firstPosition),
        ...(version === 1 && { w: number(times.writtenAt) }),
        ...parts[0],
      },
    })
    await this.#write(this.#tables.log, slotKey(slot), 'PutItem', {
      Item: slotItem(
        {
          number: slot,
          first: firstPosition,
          runs: this.#runs(events, [{ streamId, version }]),
          commits: [],
          ...times,
        },
        true,
      ),
    })
    await this.#putIds(await this.#eventsOf(streamId, version))
    return true
  }

  /**
   * Stores the ids of a commit with its new place. It does no harm if an id came from the library and needs no item.
   */
  async #putIds(events: readonly RecordedEvent[]): Promise<void> {
    const located = events.map(({ id, streamId, version, position, recordedAt }) => ({
      id,
      location: { streamId, version, position, recordedAt: recordedAt.getTime() },
    }))
    for (const neighbours of neighboursIn(located)) {
      const { ConditionExpression: _, ...update } = idUpdate(neighbours).update
      await this.#write(this.#tables.log, update.Key, 'UpdateItem', update)
    }
  }
}

/** When the latest of the events was recorded, in milliseconds since 1970. */
const latestOf = (events: readonly RecordedEvent[]) =>
  events.reduce((latest, { recordedAt }) => Math.max(latest, recordedAt.getTime()), Number.NEGATIVE_INFINITY)
