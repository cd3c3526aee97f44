/** `streams`: lists the streams by id. */
import type { StreamInfo } from '@eventsourced/core'
import { Command } from 'commander'
import type { Runner } from '../context.ts'
import type { Column } from '../output/printer.ts'
import { wholeNumber } from '../values.ts'

const columns: readonly Column<StreamInfo>[] = [
  { title: 'stream', width: 40, text: ({ streamId }) => streamId },
  { title: 'version', width: 8, align: 'right', text: ({ version }) => String(version) },
  { title: 'created at', width: 24, text: ({ createdAt }) => createdAt.toISOString() },
  { title: 'last event at', width: 24, text: ({ lastRecordedAt }) => lastRecordedAt?.toISOString() ?? '-' },
]

export function streamsCommand(runner: Runner): Command {
  return new Command('streams')
    .description('List the streams in order of their ids.')
    .option('--prefix <text>', 'only ids that begin with this text')
    .option('--after <id>', 'only ids after this one')
    .option('--limit <number>', 'the largest number of streams', wholeNumber(1), 100)
    .action((options: { prefix?: string; after?: string; limit: number }, command: Command) =>
      runner.run(command, 'reads', ({ store, printer, signal }) =>
        printer.table(store.listStreams({ ...options, signal }), columns, 'No streams.'),
      ),
    )
}
