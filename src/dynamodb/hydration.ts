/** Reads the events that slots point to. */
import { pause, type RecordedEvent } from '../storage/index.ts'
import { type Item, numberOf } from './attributes.ts'
import type { Candidate } from './candidates.ts'
import { decodeBody, decodeText } from './commit-body.ts'
import type { Connection } from './connection.ts'
import { damagedLog } from './errors.ts'
import {
  afterCommitSort,
  commitKey,
  commitSort,
  type Key,
  positionOf,
  range,
  streamPartition,
  type Tables,
} from './keys.ts'
import { eventsOf, partsIn, textOfCommit } from './read.ts'

// How many commits are read at once, in two requests.
const commitsAtOnce = 200
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
   * text they take.
   */
  async read(
    candidates: readonly Candidate[],
    { forward, limit }: { readonly forward: boolean; readonly limit: number },
    isWanted: (event: RecordedEvent) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly events: RecordedEvent[]; readonly bytes: number }> {
    const events: RecordedEvent[] = []
    let bytes = 0
    for (let from = 0; from < candidates.length && events.length < limit; ) {
      const some = nextOf(candidates, from, limit - events.length)
      from += some.length
      const commits = await this.#commitsOf(some, signal)
      for (const candidate of some) {
        const own = eventsIn(candidate, commits)
        const before = events.length
        for (const event of forward ? own : own.reverse()) {
          if (isWanted(event)) events.push(event)
          if (events.length === limit) break
        }
        bytes += (events.length - before) * bytesOfEvent(candidate, commits)
        if (events.length === limit) return { events, bytes }
      }
    }
    return { events, bytes }
  }

  /** Returns the events of whole commits, by the name of their run. */
  async #commitsOf(candidates: readonly Candidate[], signal: AbortSignal | undefined): Promise<Commits> {
    const commits: Commits = new Map()
    const missing = new Map<string, Candidate>()
    for (const candidate of candidates) {
      const { run, slot } = candidate
      if (slot.inlined === undefined) missing.set(commitNameOf(run), candidate)
      else commits.set(commitNameOf(run), inlinedEvents(candidate, slot.inlined))
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
        const { p, s } = item as Key
        const streamId = p.S.slice(2)
        const others = partsIn(item) === 1 ? [] : await this.#partsOf(streamId, item, consistent, signal)
        if (others === undefined) return
        const commit = { first: item, others }
        const text = textOfCommit(commit)
        commits.set(`${s.S} ${streamId}`, {
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
    const version = Number((first as Key).s.S.slice(2))
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

/** Returns as many candidates as contain the missing number of events, if all their events are wanted. */
function nextOf(candidates: readonly Candidate[], from: number, missing: number): readonly Candidate[] {
  let to = from
  for (let events = 0; to < candidates.length && to - from < commitsAtOnce && events < missing; to++) {
    events += (candidates[to] as Candidate).run.count
  }
  return candidates.slice(from, to)
}

/** The events of a commit, and the length of their text. */
interface DecodedCommit {
  readonly events: readonly RecordedEvent[]
  readonly bytes: number
}

/** By the commit's sort key and stream. */
type Commits = Map<string, DecodedCommit>

const noCommit: DecodedCommit = { events: [], bytes: 0 }

const commitNameOf = ({ streamId, commit }: Candidate['run']) => `${commitSort(commit)} ${streamId}`

function inlinedEvents({ run, slot, index }: Candidate, item: Item): DecodedCommit {
  const { streamId, commit } = run
  const recordedAt = numberOf(item, 't') as number
  const text = decodeText(item)
  const place = { streamId, firstVersion: commit, slot: slot.number, index, recordedAt }
  return { events: decodeBody(text, place), bytes: text.length }
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

function missingCommit({ slot, run, index }: Candidate): Error {
  return damagedLog(run.streamId, run.commit, positionOf(slot.number, index))
}
