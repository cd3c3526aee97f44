/** Reads streams. */
import {
  pause,
  type RecordedEvent,
  type Storage,
  type StreamSlice,
  type StreamWindow,
} from '../storage/index.ts'
import { type Item, numberOf, textOf } from './attributes.ts'
import { decodeText, eventsOfTuples } from './commit-body.ts'
import type { Connection } from './connection.ts'
import { damagedLog } from './errors.ts'
import { type Heads, headOf, noHead } from './heads.ts'
import { afterCommitSort, commitSort, firstVersionOf, range, streamPartition, type Tables } from './keys.ts'

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
   * Passes the commits between two sort keys to `take`, each with all of its items, until it returns false.
   */
  async function readCommits(
    streamId: string,
    from: string,
    to: string,
    options: { readonly forward: boolean; readonly limit: number; readonly signal: AbortSignal | undefined },
    take: (commit: Commit) => boolean,
  ): Promise<void> {
    const { forward, limit, signal } = options
    const partition = streamPartition(streamId)
    const input = {
      KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
      ExpressionAttributeValues: range(partition, from, to),
      ScanIndexForward: forward,
      // A commit holds at least one event, so no more commits than this are needed.
      ...(limit < 1_000 && { Limit: limit }),
    }
    let gathered: Item[] = []
    let taken = 0
    const isComplete = () =>
      forward ? gathered.length === partsIn(gathered[0] as Item) : isFirstPart(gathered.at(-1))
    const flush = async () => {
      const [some] = gathered
      if (some === undefined) return true
      // When reading backward, the first item of a commit comes last.
      const commit = await wholeCommit(streamId, forward ? gathered : gathered.toReversed(), signal)
      taken = firstVersionOf(some)
      gathered = []
      return take(commit)
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
        if (some !== undefined && firstVersionOf(some) !== version && !(await flush())) return
        gathered.push(item)
        if (isComplete() && !(await flush())) return
      }
      start = page.next
      if (start === undefined) break
    }
    await flush()
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

  /** The sort key of the commit that holds a version, or that would begin with it. */
  async function sortOf(streamId: string, version: number, signal: AbortSignal | undefined): Promise<string> {
    if (version === 1) return commitSort(1)
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
    return commitSort(holds ? firstVersionOf(found) : version)
  }

  async function readStream(
    streamId: string,
    window: StreamWindow,
    signal?: AbortSignal,
  ): Promise<StreamSlice> {
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
      const from = await sortOf(streamId, fromVersion, signal)
      const to = toVersion === Number.MAX_SAFE_INTEGER ? 'e#~' : afterCommitSort(toVersion)
      await readCommits(streamId, from, to, { forward, limit, signal }, take)
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
