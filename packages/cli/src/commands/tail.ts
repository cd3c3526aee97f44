/** `tail`: shows the last events of the log, and follows it. */
import type { RecordedEvent } from '@eventsourced/core'
import { Command } from 'commander'
import type { CommandContext, Runner } from '../context.ts'
import { eventColumns } from '../output/event-columns.ts'
import { collected, wholeNumber } from '../values.ts'

interface TailOptions {
  readonly follow?: boolean
  readonly type?: readonly string[]
  readonly prefix?: string
  readonly limit: number
}

export function tailCommand(runner: Runner): Command {
  return new Command('tail')
    .description('Show the last events of the log.')
    .option('-f, --follow', 'wait for further events, until Ctrl-C')
    .option('--type <type>', 'only events of this type; may be repeated', collected)
    .option('--prefix <text>', 'only events of streams whose id begins with this text')
    .option('--limit <number>', 'how many of the last events', wholeNumber(0), 20)
    .action((options: TailOptions, command: Command) =>
      runner.run(command, 'reads', (context) =>
        context.printer.table(events(context, options), eventColumns, 'No events.'),
      ),
    )
}

async function* events(
  { store, signal }: CommandContext,
  { follow, type, prefix, limit }: TailOptions,
): AsyncGenerator<RecordedEvent> {
  const filter = { types: type, streamPrefix: prefix, signal }
  const last: RecordedEvent[] = []
  let end = 0
  // The end of the log first: events that arrive after it are left for `follow`.
  for await (const { position } of store.readAll({ direction: 'backward', limit: 1, signal })) end = position
  if (limit > 0 && end > 0) {
    const range = { direction: 'backward', after: 0, until: end, limit } as const
    for await (const event of store.readAll({ ...filter, ...range })) last.push(event)
  }
  yield* last.reverse()
  if (follow) yield* store.readAll({ ...filter, after: end, follow: true })
}
