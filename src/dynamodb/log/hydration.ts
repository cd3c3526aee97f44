/** Reads the events that slots point to. */
import { pause, type RecordedEvent } from '../../storage/index.ts'
import { eventsOfTuples } from '../commits/commit-body.ts'
import { eventsOf, partsIn, textOfCommit } from '../commits/read.ts'
import {
  afterCommitSort,
  commitKey,
  commitSort,
  firstVersionOf,
  type Key,
  range,
  streamPartition,
  type Tables,
} from '../keys.ts'
import type { Item } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { damagedLog } from '../requests/errors.ts'
import type { Candidate } from './candidates.ts'
import { type CommitInSlot, commitNameOf, type Slot } from './slot-item.ts'

/** How much a page may hold. */
interface Room {
  readonly forward: boolean
  /** Of events. */
  readonly limit: number
  /** Of decoded text, about. The last event may exceed it. */
  readonly maxBytes: number
}

/** A page of the log ends with the event that reaches this size. */
export const maxBytesOfPage = 8_388_608
// How many commits are read at once, in two requests.
const commitsAtOnce = 200
// How much text is read at once, about. A larger commit is read alone.
const maxBytesAtOnce = 8_388_608
// A reader can see a slot a moment before the commit of the same transaction. Then it reads the commit again.
const maxReads = 12

export class Hydration {
  readonly #connection: Connection
  readonly #table: string

  constructor(connection: Connection, tables: Tables) {
    this.#connection = connection
    this.#table = tables.events
  }

  /**
   * Returns the wanted events of the candidates, in the order of the candidates, and about how many bytes of decoded
   * text they take. `isFull`: it ended because of `limit` or `maxBytes`, with at least one event.
   */
  async read(
    candidates: readonly Candidate[],
    { forward, limit, maxBytes }: Room,
    isWanted: (event: RecordedEvent) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly events: RecordedEvent[]; readonly bytes: number; readonly isFull: boolean }> {
    const events: RecordedEvent[] = []
    let bytes = 0
    for (let from = 0; from < candidates.length; ) {
      const some = nextOf(candidates, from, limit - events.length)
      from += some.length
      const commits = await this.#commitsOf(some, signal)
      for (const candidate of some) {
        const own = eventsIn(candidate, commits)
        const bytesOfOne = bytesOfEvent(candidate, commits)
        for (const event of forward ? own : own.reverse()) {
          if (!isWanted(event)) continue
          events.push(event)
          bytes += bytesOfOne
          if (events.length === limit || bytes >= maxBytes) return { events, bytes, isFull: true }
        }
      }
    }
    return { events, bytes, isFull: false }
  }

  /** Returns the events of whole commits, by the name of their run. */
  async #commitsOf(candidates: readonly Candidate[], signal: AbortSignal | undefined): Promise<Commits> {
    const commits: Commits = new Map()
    const missing = new Map<string, Candidate>()
    for (const candidate of candidates) {
      const { run, slot } = candidate
      const name = commitNameOf(run)
      const stored = slot.commits?.get(name)
      if (stored === undefined) missing.set(name, candidate)
      else if (!commits.has(name)) commits.set(name, eventsInSlot(slot, run, stored))
    }
    // A commit never changes. So an eventually consistent read, at half the price, finds it unless it is very
    // new. Only then is a consistent read necessary.
    for (let reads = 0; missing.size > 0; reads++) {
      if (reads > 1) await pause(reads, signal)
      if (reads === maxReads) throw missingCommit([...missing.values()][0] as Candidate)
      await this.#fetch([...missing.values()], reads > 0, commits, signal)
      for (const name of commits.keys()) missing.delete(name)
    }
    return commits
  }

  async #fetch(
    candidates: readonly Candidate[],
    consistent: boolean,
    commits: Commits,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const [one] = candidates
    if (one === undefined) return
    const subject = {
      doing: 'Reading the log',
      table: this.#table,
      key: candidates.length === 1 ? streamPartition(one.run.streamId) : `${candidates.length} commits`,
    }
    const keys: Key[] = candidates.map(({ run }) => commitKey(run.streamId, run.commit))
    const items = await this.#connection.batchGet(subject, keys, { consistent }, signal)
    await Promise.all(
      items.map(async (item) => {
        const streamId = (item as Key).p.S.slice(2)
        const others = partsIn(item) === 1 ? [] : await this.#partsOf(streamId, item, consistent, signal)
        if (others === undefined) return
        const commit = { first: item, others }
        const text = textOfCommit(commit)
        commits.set(commitNameOf({ commit: firstVersionOf(item), streamId }), {
          events: eventsOf(streamId, commit, text),
          bytes: text.length,
        })
      }),
    )
  }

  async #partsOf(
    streamId: string,
    first: Item,
    consistent: boolean,
    signal: AbortSignal | undefined,
  ): Promise<readonly Item[] | undefined> {
    const version = firstVersionOf(first)
    const partition = streamPartition(streamId)
    const subject = { doing: 'Reading the log', table: this.#table, key: partition }
    const input = {
      KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
      ExpressionAttributeValues: range(partition, `${commitSort(version)}+`, afterCommitSort(version)),
      ConsistentRead: consistent,
    }
    const items = await this.#connection.queryAll(subject, input, signal)
    return items.length === partsIn(first) - 1 ? items : undefined
  }
}

/**
 * Returns as many candidates as contain the missing number of events, if all their events are wanted. Their commits are not
 * larger than `maxBytesAtOnce` together.
 */
function nextOf(candidates: readonly Candidate[], from: number, missing: number): readonly Candidate[] {
  let to = from
  let events = 0
  let bytes = 0
  for (; to < candidates.length && to - from < commitsAtOnce && events < missing; to++) {
    const { run } = candidates[to] as Candidate
    bytes += run.bytes
    if (bytes > maxBytesAtOnce && to > from) break
    events += run.count
  }
  return candidates.slice(from, to)
}

/** The events of a commit, and the length of their text. */
interface DecodedCommit {
  readonly events: readonly RecordedEvent[]
  readonly bytes: number
}

/** By the names of the commits. */
type Commits = Map<string, DecodedCommit>

const noCommit: DecodedCommit = { events: [], bytes: 0 }

function eventsInSlot(
  slot: Slot,
  { streamId, commit }: Candidate['run'],
  { tuples, recordedAt, bytes }: CommitInSlot,
): DecodedCommit {
  let firstPosition = slot.first
  for (const run of slot.runs) {
    if (run.streamId === streamId && run.commit === commit) break
    firstPosition += run.count
  }
  const place = { streamId, firstVersion: commit, firstPosition, recordedAt }
  return { events: eventsOfTuples(tuples, place), bytes }
}

/** About how many bytes each event of the candidate's commit takes. */
function bytesOfEvent({ run }: Candidate, commits: Commits): number {
  const { events, bytes } = commits.get(commitNameOf(run)) ?? noCommit
  return bytes / Math.max(1, events.length)
}

/** The events of one run, out of the events of its commit. */
function eventsIn({ run }: Candidate, commits: Commits): RecordedEvent[] {
  const from = run.firstVersion - run.commit
  const { events } = commits.get(commitNameOf(run)) ?? noCommit
  return events.length === run.count ? [...events] : events.slice(from, from + run.count)
}

function missingCommit({ run, first }: Candidate): Error {
  return damagedLog(run.streamId, run.commit, first)
}
