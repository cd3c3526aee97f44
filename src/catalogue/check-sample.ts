/**
 * Chooses stored events for a check that does not read the whole log:
 *
 * 1. Some events at evenly spaced places of the log: they also show names that the catalogue lacks.
 * 2. The oldest and the newest events of each name that the catalogue reads.
 * 3. For versions between the oldest and the newest one: a binary search, which assumes that versions rise.
 *
 * A storage that has no index of types may have to read its log once in each direction for the second step.
 */
import type { RecordedEvent } from '../event.ts'
import type { CheckableStore } from './check-result.ts'
import type { KnownEvents } from './known-events.ts'
import { schemaVersionOf } from './stored-event.ts'

const places = 20
/** The largest number of reads of one search, for a log in which versions rise and fall. */
const mostProbes = 100

interface Range {
  /** Exclusive. */
  readonly after: number
  /** Inclusive. */
  readonly until: number
  readonly signal: AbortSignal | undefined
}

/** Where an event was met, and in which version. */
interface Found {
  readonly position: number
  readonly version: number
}

/** Returns the events of a sample, each once. `count`: how many events of each name, from each end, at least. */
export async function* sampledEvents(
  known: KnownEvents,
  { raw }: CheckableStore,
  range: Range,
  count: number,
): AsyncGenerator<RecordedEvent, void, undefined> {
  const seen = new Set<number>()
  const found = new Map<string, Found[]>()
  const isNew = (event: RecordedEvent): boolean => {
    if (seen.has(event.position)) return false
    seen.add(event.position)
    const own = found.get(event.type) ?? []
    found.set(event.type, own)
    own.push({ position: event.position, version: schemaVersionOf(event.metadata) })
    return true
  }
  const read = (reads: AsyncIterable<RecordedEvent>) => filtered(reads, isNew)

  const { after, until, signal } = range
  const step = Math.max(1, Math.ceil((until - after) / places))
  for (let place = after; place < until; place += step)
    yield* read(raw.readAll({ after: place, until, limit: count, signal }))

  for (const direction of ['forward', 'backward'] as const)
    yield* read(firstOfEach(raw, [...known.routes.keys()], { after, until, signal }, direction, count))

  for (const [type, own] of found) {
    if (!known.routes.has(type)) continue
    own.sort((a, b) => a.position - b.position)
    const search = { raw, type, signal, probes: mostProbes }
    // A copy, because each event that is found joins the list.
    for (const [index, lower] of [...own.entries()].slice(0, -1))
      yield* read(between(search, lower, own[index + 1] as Found))
  }
}

async function* filtered(
  events: AsyncIterable<RecordedEvent>,
  isWanted: (event: RecordedEvent) => boolean,
): AsyncGenerator<RecordedEvent, void, undefined> {
  for await (const event of events) if (isWanted(event)) yield event
}

/**
 * Reads in one direction until `count` events of each name have come. Each query asks for as many events as are missing
 * together, so that at least one name is complete after it, and the next query leaves that name out.
 */
async function* firstOfEach(
  raw: CheckableStore['raw'],
  names: readonly string[],
  { after, until, signal }: Range,
  direction: 'forward' | 'backward',
  count: number,
): AsyncGenerator<RecordedEvent, void, undefined> {
  const missing = new Map(names.map((name) => [name, count]))
  let [from, to] = [after, until]
  while (missing.size > 0 && from < to) {
    const wanted = [...missing.values()].reduce((sum, some) => sum + some, 0)
    const limit = Math.min(wanted, Number.MAX_SAFE_INTEGER)
    let got = 0
    for await (const event of raw.readAll({
      ...{ types: [...missing.keys()], after: from, until: to, direction, limit, signal },
    })) {
      got++
      if (direction === 'forward') from = event.position
      else to = event.position - 1
      const left = missing.get(event.type) ?? 0
      if (left > 0) yield event
      missing.set(event.type, left - 1)
    }
    if (got < limit) return
    for (const [name, left] of missing) if (left <= 0) missing.delete(name)
  }
}

interface Search {
  readonly raw: CheckableStore['raw']
  readonly type: string
  readonly signal: AbortSignal | undefined
  /** How many more reads it may make. */
  probes: number
}

/** Reads events between two of them, if a version between theirs may be there. */
async function* between(
  search: Search,
  lower: Found,
  upper: Found,
): AsyncGenerator<RecordedEvent, void, undefined> {
  if (!(Math.abs(upper.version - lower.version) > 1)) return
  const middle = Math.floor((lower.position + upper.position) / 2)
  if (middle <= lower.position || search.probes-- <= 0) return
  const { raw, type, signal } = search
  const range = { after: middle - 1, until: upper.position - 1, limit: 1 }
  let first: Found | undefined
  for await (const event of raw.readAll({ types: [type], ...range, signal })) {
    first = { position: event.position, version: schemaVersionOf(event.metadata) }
    yield event
  }
  yield* between(search, lower, { position: middle, version: (first ?? upper).version })
  if (first !== undefined) yield* between(search, first, upper)
}
