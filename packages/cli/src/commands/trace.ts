/** `trace`: shows the events of one business transaction as a tree: which event or command caused which. */
import { Command } from 'commander'
import type { Runner } from '../context.ts'
import { CommandFailure } from '../failure.ts'
import { printable } from '../output/printer.ts'
import { correlatedEvents, type TracedEvent } from '../trace.ts'
import { moment } from '../values.ts'

export function traceCommand(runner: Runner): Command {
  return new Command('trace')
    .description('Show all events of a correlation id as a tree of causes. Reads the log.')
    .argument('<correlation>', 'the correlation id, or the id of the event or command that began it')
    .option('--since <time>', 'read the log only from this time on', moment)
    .action((correlation: string, { since }: { since?: Date }, command: Command) =>
      runner.run(command, 'reads', async (context) => {
        const tree = await correlatedEvents(context, correlation, since)
        if (tree.length === 0) throw new CommandFailure(`No event has the correlation id '${correlation}'`)
        for (const event of tree) await context.printer.print(event, lineOf(event))
      }),
    )
}

function lineOf({ depth, recordedAt, position, type, streamId, version }: TracedEvent): string {
  const indent = depth === 0 ? '' : `${'   '.repeat(depth - 1)}└─ `
  return `${recordedAt.toISOString()}  ${String(position).padStart(8)}  ${indent}${printable(type)}  ${printable(streamId)} v${version}`
}
