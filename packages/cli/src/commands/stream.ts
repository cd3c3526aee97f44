/** `stream`: shows the events of a stream, or the state that a decider folds from them. */
import { fold } from '@eventsourced/core'
import { Command } from 'commander'
import type { Runner } from '../context.ts'
import { deciderOf } from '../deciders.ts'
import { CommandFailure, wrongUsage } from '../failure.ts'
import { jsonOf } from '../json-of.ts'
import { streamColumns } from '../output/event-columns.ts'
import { moment, wholeNumber } from '../values.ts'

interface StreamOptions {
  readonly fromVersion?: number
  readonly toVersion?: number
  readonly asOf?: Date
  readonly limit?: number
  readonly fold?: string
}

export function streamCommand(runner: Runner): Command {
  return new Command('stream')
    .description('Show the events of a stream, or its state.')
    .argument('<id>', 'the stream')
    .option('--from-version <number>', 'the first version', wholeNumber(1))
    .option('--to-version <number>', 'the last version', wholeNumber(0))
    .option('--as-of <time>', 'only events that were recorded at or before this time', moment)
    .option('--limit <number>', 'the largest number of events', wholeNumber(1))
    .option('--fold <decider>', 'show the state that this decider of the configuration file folds')
    .action((id: string, { fold: name, ...range }: StreamOptions, command: Command) =>
      runner.run(command, 'reads', async ({ store, config, printer, signal }) => {
        const decider = name === undefined ? undefined : deciderOf(config, name)
        if (decider !== undefined && range.fromVersion !== undefined) {
          throw wrongUsage('--fold needs all events from the first one: leave --from-version out')
        }
        const slice = await store.readStream(id, { ...range, signal })
        if (!slice.exists) throw new CommandFailure(`The stream '${id}' does not exist`)
        if (decider === undefined) {
          return printer.table(slice.events, streamColumns, 'No events in this range.')
        }
        const state = jsonOf(fold(decider, slice.events))
        const version = slice.events.at(-1)?.version ?? 0
        return printer.print({ streamId: id, version, state }, JSON.stringify(state, undefined, 2))
      }),
    )
}
