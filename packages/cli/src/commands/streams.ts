/** `streams`: lists the streams by id, or the largest ones. */
import type { StreamInfo } from '@eventsourced/core'
import { Command } from 'commander'
import type { Runner } from '../context.ts'
import { wrongUsage } from '../failure.ts'
import type { Column } from '../output/printer.ts'
import { wholeNumber } from '../values.ts'

interface StreamsOptions {
  readonly prefix?: string
  readonly after?: string
  readonly limit: number
  readonly largest?: boolean
}

/** As `listStreams` allows. */
const mostOfTheLargest = 1_000

const columns: readonly Column<StreamInfo>[] = [
  { title: 'stream', width: 40, text: ({ streamId }) => streamId },
  { title: 'version', width: 8, align: 'right', text: ({ version }) => String(version) },
  { title: 'created at', width: 24, text: ({ createdAt }) => createdAt.toISOString() },
  { title: 'last event at', width: 24, text: ({ lastRecordedAt }) => lastRecordedAt?.toISOString() ?? '-' },
]

export function streamsCommand(runner: Runner): Command {
  return new Command('streams')
    .description('List the streams in order of their ids, or the largest ones.')
    .option('--prefix <text>', 'only ids that begin with this text')
    .option('--after <id>', 'only ids after this one')
    .option('--largest', 'the streams with the most events first; reads all streams, and shows 1,000 at most')
    .option('--limit <number>', 'the largest number of streams', wholeNumber(1), 100)
    .action(({ largest, ...range }: StreamsOptions, command: Command) =>
      runner.run(command, 'reads', ({ store, printer, signal }) => {
        if (largest && range.after !== undefined) throw wrongUsage('--largest lists no streams --after an id')
        if (largest && range.limit > mostOfTheLargest) {
          throw wrongUsage(`--largest lists ${mostOfTheLargest} streams at most: lower --limit`)
        }
        const order = largest ? 'largest' : 'id'
        return printer.table(store.listStreams({ ...range, order, signal }), columns, 'No streams.')
      }),
    )
}
