/** Reads streams. */
import {
  pause,
  type RecordedEvent,
  type Storage,
  type StreamSlice,
  type StreamWindow,
} from '../../storage/index.ts'
import { afterCommitSort, commitSort, firstVersionOf, range, streamPartition, type Tables } from '../keys.ts'
import { type Item, numberOf, textOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { damagedLog } from '../requests/errors.ts'
import { decodeText, eventsOfTuples } from './commit-body.ts'
import { type Heads, headOf, noHead } from './heads.ts'

/** A commit with all of its items. */
export interface Commit {
  readonly first: Item
  readonly others: readonly Item[]
}

// For a moment, a reader may see only some items of a large commit, though one transaction writes them. It
// reads again.
const maxReads = 12

export function streamReads(
  connection: Connection,
  tables: Tables,
  heads: Heads,
): Pick<Storage, 'readStream'> {
  const subjectOf = (doing: string, key: string) => ({ doing, table: tables.events, key })

  /**
   * Passes the commits from a version on (inclusive) to `take`, each with all of its items, until it returns false. `from`: the
   * first version of a commit, or the version after the last commit. Returns the first missing version if there is a hole
   * between two commits, and passes no commit beyond it.
   */
  async function readCommits(
    streamId: string,
    from: number,
    to: string,
    options: { readonly forward: boolean; readonly limit: number; readonly signal: AbortSignal | undefined },
    take: (commit: Commit) => boolean,
  ): Promise<number | undefined> {
    const { forward, limit, signal } = options
    const partition = streamPartition(streamId)
    const input = {
      KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
      ExpressionAttributeValues: range(partition, commitSort(from), to),
      ScanIndexForward: forward,
      // A commit holds at least one event, so no more commits than this are needed.
      ...(limit < 1_000 && { Limit: limit }),
    }
    let gathered: Item[] = []
    let taken = 0
    let hole: number | undefined
    /** Forward the version that must follow; backward the first version of the commit that was read last. */
    let next = forward ? from : undefined
    const isComplete = () =>
      forward ? gathered.length === partsIn(gathered[0] as Item) : isFirstPart(gathered.at(-1))
    const flush = async () => {
      const [some] = gathered
      if (some === undefined) return true
      // When reading backward, the first item of a commit comes last.
      const commit = await wholeCommit(streamId, forward ? gathered : gathered.toReversed(), signal)
      taken = firstVersionOf(some)
      gathered = []
      const end = headOf(commit.first)
      hole = forward ? holeBetween(next, taken) : holeBetween(end.version + 1, next)
      next = forward ? end.version + 1 : taken
      return hole === undefined && take(commit)
    }
    for (let start: Item | undefined; ; ) {
      const page = await connection.query(
        subjectOf('Reading a stream', partition),
        start === undefined ? input : { ...input, ExclusiveStartKey: start },
        signal,
      )
      for (const item of page.items) {
        const version = firstVersionOf(item)
        if (version === taken) continue
        const [some] = gathered
        if (some !== undefined && firstVersionOf(some) !== version && !(await flush())) return hole
        gathered.push(item)
        if (isComplete() && !(await flush())) return hole
      }
      start = page.next
      if (start === undefined) break
    }
    const isTaken = await flush()
    // Backward, the commits must reach down to the first one.
    return hole ?? (forward || !isTaken ? undefined : holeBetween(from, next))
  }

  /** Completes a commit: reads it again until all of its items are visible. */
  async function wholeCommit(
    streamId: string,
    found: readonly Item[],
    signal: AbortSignal | undefined,
  ): Promise<Commit> {
    let items = found
    const version = firstVersionOf(items[0] as Item)
    for (let reads = 1; !isFirstPart(items[0]) || items.length < partsIn(items[0] as Item); reads++) {
      if (reads === maxReads) {
        throw damagedLog(streamId, version, headOf(items[0] as Item).position)
      }
      await pause(reads, signal)
      items = await connection.queryAll(
        subjectOf('Reading a stream', streamPartition(streamId)),
        {
          KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
          ExpressionAttributeValues: range(
            streamPartition(streamId),
            commitSort(version),
            afterCommitSort(version),
          ),
        },
        signal,
      )
    }
    const [first, ...others] = items
    return { first: first as Item, others }
  }

  /** The first version of the commit that holds a version, or that would begin with it. */
  async function firstOf(
    streamId: string,
    version: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    if (version === 1) return 1
    const partition = streamPartition(streamId)
    const input = {
      KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
      ExpressionAttributeValues: range(partition, 'e#', afterCommitSort(version)),
      ProjectionExpression: 's, v',
      ScanIndexForward: false,
      Limit: 1,
    }
    const { items } = await connection.query(subjectOf('Reading a stream', partition), input, signal)
    const [found] = items
    const holds = found !== undefined && (numberOf(found, 'v') as number) >= version
    return holds ? firstVersionOf(found) : version
  }

  /**
   * Reads a stream again while versions are missing between others. For a moment, a reader may see only some of the commits
   * that one transaction writes: several appends to a stream may share a transaction.
   *
   * @throws DamagedLogError if the versions stay away: the table was restored to a time, or items were deleted
   */
  async function readStream(
    streamId: string,
    window: StreamWindow,
    signal?: AbortSignal,
  ): Promise<StreamSlice> {
    for (let reads = 1; ; reads++) {
      const slice = await readOnce(streamId, window, signal)
      if (typeof slice !== 'number') return slice
      if (reads === maxReads) throw damagedLog(streamId, slice, undefined)
      await pause(reads, signal)
    }
  }

  /** Returns the first missing version if there is a hole between two commits. */
  async function readOnce(
    streamId: string,
    window: StreamWindow,
    signal: AbortSignal | undefined,
  ): Promise<StreamSlice | number> {
    const { fromVersion, toVersion, asOf, direction, limit } = window
    const forward = direction === 'forward'
    const events: RecordedEvent[] = []
    let head = noHead
    let sawHead = toVersion === Number.MAX_SAFE_INTEGER
    const take = (commit: Commit) => {
      const end = headOf(commit.first)
      if (end.version > head.version) head = end
      let decoded = eventsOf(streamId, commit)
      if (!forward) decoded = decoded.reverse()
      for (const event of decoded) {
        if (event.version < fromVersion || event.version > toVersion) continue
        if (asOf !== undefined && event.recordedAt > asOf) {
          // The recorded times of a stream never decrease: forward, all later events are too late as well.
          if (!forward) continue
          sawHead = false
          return false
        }
        events.push(event)
        if (events.length < limit) continue
        if (forward) sawHead = false
        return false
      }
      return true
    }
    if (fromVersion <= toVersion) {
      const from = await firstOf(streamId, fromVersion, signal)
      const to = toVersion === Number.MAX_SAFE_INTEGER ? 'e#~' : afterCommitSort(toVersion)
      const hole = await readCommits(streamId, from, to, { forward, limit, signal }, take)
      if (hole !== undefined) return hole
    } else {
      sawHead = false
    }
    // The window may not have shown the head of the stream: then read it.
    if (!sawHead || (head.version === 0 && fromVersion > 1)) {
      const now = await heads.read(streamId, signal)
      if (now.version > head.version) head = now
    } else if (head.version > 0) {
      heads.remember(streamId, head)
    }
    const exists = head.version > 0 || (await heads.existsEmpty(streamId, signal))
    return { streamId, version: head.version, exists, events }
  }

  return { readStream }
}

/** Returns the first missing version between what must follow and what does; undefined if there is none, or one is unknown. */
function holeBetween(expected: number | undefined, found: number | undefined): number | undefined {
  return expected !== undefined && found !== undefined && found > expected ? expected : undefined
}

export const textOfCommit = ({ first, others }: Commit): string => decodeText(first, others)

/** `text`: the decoded body of the commit. */
export function eventsOf(
  streamId: string,
  { first, others }: Commit,
  text: string = decodeText(first, others),
): RecordedEvent[] {
  return eventsOfTuples(JSON.parse(text), {
    streamId,
    firstVersion: firstVersionOf(first),
    firstPosition: numberOf(first, 'o') as number,
    recordedAt: numberOf(first, 't') as number,
  })
}

export const partsIn = (first: Item): number => numberOf(first, 'm') ?? 1

const isFirstPart = (item: Item | undefined): boolean => !(textOf(item, 's') as string).includes('+')
