/** Part two of the demo, second half: summarises the log in one pass, and looks into the past of one stream. */
import { type EventStore, type Evolution, foldStream, type RecordedEvent } from '@eventsourced/core'
import { count, print, printTable, printWhy, quote, style } from './print.ts'

const mostTypes = 40

/** The state of a stream: how often each event type occurred, and the last one. */
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

/** Reads the whole log once, in order, prints a summary, and returns the number of events. */
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
  printWhy('One pass over the log (readAll) answers questions that nobody had when the events were written')

  const longest = [...streams.values()].reduce((a, b) => (b.events > a.events ? b : a))
  await lookBack(store, longest.streamId, longest.events)
  return events
}

/** Prints the state of one stream at the time of its middle event, and now. */
async function lookBack(store: EventStore, streamId: string, length: number): Promise<void> {
  const half = Math.ceil(length / 2)
  const { events } = await store.readStream(streamId, { fromVersion: half, limit: 1 })
  const asOf = events[0]?.recordedAt ?? new Date()
  const now = await foldStream(store, streamId, activity)
  let title = `as of ${asOf.toISOString()}`
  let middle = await foldStream(store, streamId, activity, { asOf })
  if (middle.version === now.version && half < length) {
    // All events of a log without times have about the same time. Then a version marks the past.
    title = `at version ${count(half)}`
    middle = await foldStream(store, streamId, activity, { toVersion: half })
  }

  print(`  The longest stream, ${style('bold', quote(streamId))}, in the past and now`)
  const countsOf = (type: string) => [middle, now].map(({ state }) => count(state.counts.get(type) ?? 0))
  printTable(
    ['', title, 'now'],
    [
      ['version', count(middle.version), count(now.version)],
      ['last event', quote(middle.state.last, 40), quote(now.state.last, 40)],
      ...[...now.state.counts.keys()].slice(0, mostTypes).map((type) => [quote(type, 40), ...countsOf(type)]),
    ],
  )
  printWhy('foldStream(…, { asOf }) or { toVersion } folds the same events up to any moment of the past')
}
