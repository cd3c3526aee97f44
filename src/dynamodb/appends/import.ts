/**
 * Imports events: writes a batch in as many transactions as it needs, one after the other, in the order of
 * the source. Each event id has an item of its own, so an import is idempotent: after an interruption, the
 * caller imports the same events again, and the store skips the events that are already recorded.
 */
import {
  hasCode,
  type ImportOutcome,
  type PreparedImport,
  pause,
  type Storage,
  StoreUnavailableError,
} from '../../storage/index.ts'
import { type Head, noHead } from '../commits/heads.ts'
import type { Environment } from '../environment.ts'
import { maxTransactionItems } from '../requests/writer.ts'
import type { Commits } from './commit.ts'
import type { CommitEntry } from './commit-plan.ts'
import type { EventIds } from './event-ids.ts'

/** An event with the time that it will be recorded with. */
interface TimedEvent {
  readonly event: PreparedImport
  /** Milliseconds since 1970. */
  readonly at: number
}

type Refused = Exclude<ImportOutcome, { readonly kind: 'imported' }>

const maxAttempts = 100
// With the slot, and a reserve. Documents come on top: see the retry with fewer events below.
const maxImportItems = maxTransactionItems - 2
const maxCharacters = 3_000_000
const headsAtOnce = 32

export function imports(
  environment: Environment,
  commits: Commits,
  ids: EventIds,
): Pick<Storage, 'importBatch'> {
  const { heads } = environment

  /** Returns the events that are not recorded yet, with their times, or why the batch is refused. */
  async function plan(
    events: readonly PreparedImport[],
    clampTimes: boolean,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly fresh: readonly TimedEvent[]; readonly ends: Map<string, Head> } | Refused> {
    await commits.register(signal)
    const byStream = new Map<string, PreparedImport[]>()
    for (const event of events) {
      const own = byStream.get(event.streamId)
      if (own === undefined) byStream.set(event.streamId, [event])
      else own.push(event)
    }
    const ends = await readHeads([...byStream.keys()], signal)
    const recorded = await ids.find(byStream, signal, (streamId, own) => {
      const { version, recordedAt } = ends.get(streamId) ?? noHead
      return version > 0 && ids.mayBeRecorded(own, recordedAt)
    })
    for (const { id, streamId } of events) {
      const elsewhere = recorded.get(id)?.streamId ?? streamId
      if (elsewhere !== streamId) return { kind: 'duplicate', eventId: id, streamId: elsewhere }
    }
    const now = Date.now()
    const latest = new Map<string, number>()
    const fresh: TimedEvent[] = []
    for (const event of events) {
      if (recorded.has(event.id)) continue
      const { streamId, recordedAt } = event
      const previous = latest.get(streamId) ?? ends.get(streamId)?.recordedAt ?? noHead.recordedAt
      const wanted = recordedAt?.getTime() ?? now
      if (recordedAt !== undefined && wanted < previous && !clampTimes) {
        return { kind: 'out-of-order', streamId, recordedAt, previous: new Date(previous) }
      }
      const at = Math.max(previous, wanted)
      latest.set(streamId, at)
      fresh.push({ event, at })
    }
    return { fresh, ends }
  }

  async function readHeads(
    streamIds: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Map<string, Head>> {
    const ends = new Map<string, Head>()
    for (let from = 0; from < streamIds.length; from += headsAtOnce) {
      await Promise.all(
        streamIds.slice(from, from + headsAtOnce).map(async (streamId) => {
          ends.set(streamId, heads.remembered(streamId) ?? (await heads.read(streamId, signal)))
        }),
      )
    }
    return ends
  }

  /** Writes events until another writer appends to one of their streams. Returns how many it wrote. */
  async function write(
    fresh: readonly TimedEvent[],
    ends: Map<string, Head>,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    let maxEvents = Number.POSITIVE_INFINITY
    let from = 0
    let pauses = 0
    while (from < fresh.length) {
      signal?.throwIfAborted()
      const pack = nextPack(fresh, from, maxEvents)
      const { entries, order } = entriesOf(pack, ends)
      try {
        const results = await commits.write(entries, signal, order)
        if (
          results.includes('again') &&
          results.every((result) => result !== 'stale' && result !== 'repeat')
        ) {
          if (++pauses > maxAttempts) return from
          await pause(1, signal)
          continue
        }
        if (results.some((result) => typeof result === 'string')) {
          for (const { append } of entries) await heads.read(append.streamId, signal)
          return from
        }
      } catch (error) {
        // With the documents that these events change, the transaction was too large: retry with fewer
        // events.
        if (!hasCode(error, 'append-too-large') || pack.length === 1) throw error
        maxEvents = pack.length >> 1
        continue
      }
      from += pack.length
      for (const { append } of entries) {
        ends.set(append.streamId, heads.remembered(append.streamId) as Head)
      }
    }
    return from
  }

  return {
    async importBatch(events, clampTimes, signal) {
      let imported = 0
      for (let attempt = 1; attempt <= maxAttempts; attempt++) {
        if (attempt > 1) await pause(attempt, signal)
        const planned = await plan(events, clampTimes, signal)
        if ('kind' in planned) return planned
        const written = await write(planned.fresh, planned.ends, signal)
        imported += written
        if (written === planned.fresh.length) return { kind: 'imported', imported }
      }
      throw new StoreUnavailableError(
        'Importing',
        maxAttempts - 1,
        new Error('others appended to the same streams each time'),
      )
    },
  }
}

/** Returns as many of the next events as fit into a transaction. */
function nextPack(fresh: readonly TimedEvent[], from: number, maxEvents: number): readonly TimedEvent[] {
  const streams = new Set<string>()
  let items = 1
  let characters = 0
  let to = from
  for (; to < fresh.length && to - from < maxEvents; to++) {
    const { event } = fresh[to] as TimedEvent
    const forStream = streams.has(event.streamId) ? 0 : 1
    const length = event.data.length + event.metadata.length
    const isTooMuch = items + forStream + 1 > maxImportItems || characters + length > maxCharacters
    if (to > from && isTooMuch) break
    streams.add(event.streamId)
    items += forStream + 1
    characters += length
  }
  return fresh.slice(from, to)
}

/** Makes a commit for each stream. `order` is the order of the source, over all streams. */
function entriesOf(pack: readonly TimedEvent[], ends: ReadonlyMap<string, Head>) {
  const entryIndexes = new Map<string, number>()
  const gathered: { streamId: string; events: PreparedImport[]; times: number[] }[] = []
  const order = pack.map(({ event, at }) => {
    const { streamId } = event
    const entryIndex = entryIndexes.get(streamId) ?? gathered.push({ streamId, events: [], times: [] }) - 1
    entryIndexes.set(streamId, entryIndex)
    const { events, times } = gathered[entryIndex] as (typeof gathered)[number]
    times.push(at)
    return { entryIndex, eventIndex: events.push(event) - 1 }
  })
  const entries = gathered.map(({ streamId, events, times }): CommitEntry => {
    const head = ends.get(streamId) ?? noHead
    const append = { streamId, expectedVersion: head.version, events }
    return { append, head, mustBeNew: false, times }
  })
  return { entries, order }
}
