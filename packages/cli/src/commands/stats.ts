/** `stats`: counts the events by type, over the whole log or the newest part of it. */
import type { RecordedEvent } from '@eventsourced/core'
import { Command } from 'commander'
import type { CommandContext, Runner } from '../context.ts'
import type { Column } from '../output/printer.ts'
import { moment } from '../values.ts'

interface TypeCount {
  readonly type: string
  events: number
  streams: number
  first: Date
  last: Date
}

const columns: readonly Column<TypeCount>[] = [
  { title: 'type', width: 32, text: ({ type }) => type },
  { title: 'events', width: 10, align: 'right', text: ({ events }) => String(events) },
  { title: 'begins a stream', width: 15, align: 'right', text: ({ streams }) => String(streams) },
  { title: 'first', width: 24, text: ({ first }) => first.toISOString() },
  { title: 'last', width: 24, text: ({ last }) => last.toISOString() },
]

export function statsCommand(runner: Runner): Command {
  return new Command('stats')
    .description('Count the events by type. Reads the log.')
    .option('--since <time>', 'only events that were recorded at or after this time', moment)
    .option('--prefix <text>', 'only events of streams whose id begins with this text')
    .action(({ since, prefix }: { since?: Date; prefix?: string }, command: Command) =>
      runner.run(command, 'reads', async (context) => {
        const counts = await countTypes(context, since, prefix)
        await context.printer.table(counts, columns, 'No events.')
      }),
    )
}

async function countTypes(
  { store, signal }: CommandContext,
  since: Date | undefined,
  prefix: string | undefined,
) {
  const counts = new Map<string, TypeCount>()
  for await (const event of store.raw.readAll({ streamPrefix: prefix, direction: 'backward', signal })) {
    if (since !== undefined && event.recordedAt < since) break
    count(counts, event)
  }
  return [...counts.values()].sort((one, other) => other.events - one.events)
}

function count(counts: Map<string, TypeCount>, { type, version, recordedAt }: RecordedEvent): void {
  let found = counts.get(type)
  if (found === undefined) {
    found = { type, events: 0, streams: 0, first: recordedAt, last: recordedAt }
    counts.set(type, found)
  }
  found.events++
  if (version === 1) found.streams++
  if (recordedAt < found.first) found.first = recordedAt
  if (recordedAt > found.last) found.last = recordedAt
}
