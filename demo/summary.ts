/** Part two of the demo, second half: what is in the log, from one pass over it and two looks into its past. */
import { type EventStore, type Evolution, foldStream, type RecordedEvent } from '@eventsourced/core'
import { count, print, printTable, printWhy, quote, style } from './print.ts'

const mostTypes = 40

/** What happened in a stream so far. */
interface Activity {
  readonly counts: ReadonlyMap<string, number>
  readonly last: string
}

const activity: Evolution<Activity, RecordedEvent> = {
  initialState: () => ({ counts: new Map(), last: '–' }),
  evolve: ({ counts }, { type }) => ({
    counts: new Map(counts).set(type, (counts.get(type) ?? 0) + 1),
    last: type,
  }),
}

/** Reads the whole log once, in order; returns how many events it has. */
export async function summarise(store: EventStore, signal: AbortSignal): Promise<number> {
  const begin = performance.now()
  const streams = new Map<string, { readonly streamId: string; events: number }>()
  const types = new Map<string, { events: number; readonly streams: Set<object> }>()
  let events = 0
  for await (const { streamId, type } of store.readAll({ signal })) {
    events++
    const stream = streams.get(streamId) ?? { streamId, events: 0 }
    if (stream.events++ === 0) streams.set(streamId, stream)
    const kind = types.get(type) ?? { events: 0, streams: new Set() }
    if (kind.events++ === 0) types.set(type, kind)
    kind.streams.add(stream)
  }
  const seconds = (performance.now() - begin) / 1000

  print(
    `  ${style('bold', count(streams.size, 'stream'))}, ${style('bold', count(events, 'event'))}   ` +
      style('dim', `read in order in ${seconds.toFixed(1)} s: ${count(events / seconds)} events/s`),
  )
  if (events === 0) return 0
  print()
  const byFrequency = [...types].sort(([, a], [, b]) => b.events - a.events)
  printTable(
    ['event type', 'events', 'streams with it'],
    byFrequency
      .slice(0, mostTypes)
      .map(([type, kind]) => [quote(type), count(kind.events), count(kind.streams.size)]),
  )
  if (types.size > mostTypes) print(style('dim', `  and ${count(types.size - mostTypes, 'more type')}`))
  printWhy('One pass over the log (readAll) answers what nobody thought of asking when it was written')

  const longest = [...streams.values()].reduce((a, b) => (b.events > a.events ? b : a))
  await lookBack(store, longest.streamId, longest.events)
  return events
}

/** The state of one stream at its middle event's time, and now. */
async function lookBack(store: EventStore, streamId: string, length: number): Promise<void> {
  const half = Math.ceil(length / 2)
  const { events } = await store.readStream(streamId, { fromVersion: half, limit: 1 })
  const asOf = events[0]?.recordedAt ?? new Date()
  const now = await foldStream(store, streamId, activity)
  let title = `as of ${asOf.toISOString()}`
  let middle = await foldStream(store, streamId, activity, { asOf })
  if (middle.version === now.version && half < length) {
    // A log without times was recorded all at once: then a version tells the past from the present.
    title = `at version ${count(half)}`
    middle = await foldStream(store, streamId, activity, { toVersion: half })
  }

  print(`  The longest stream, ${style('bold', quote(streamId))}, as it was and as it is`)
  const countsOf = (type: string) => [middle, now].map(({ state }) => count(state.counts.get(type) ?? 0))
  printTable(
    ['', title, 'now'],
    [
      ['version', count(middle.version), count(now.version)],
      ['last event', quote(middle.state.last, 40), quote(now.state.last, 40)],
      ...[...now.state.counts.keys()].slice(0, mostTypes).map((type) => [quote(type, 40), ...countsOf(type)]),
    ],
  )
  printWhy('foldStream(…, { asOf }) or { toVersion }: the same fold, stopped at any moment of the past')
}
