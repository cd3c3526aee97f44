/** `event`: shows one event with all its parts. */
import { Command } from 'commander'
import type { Runner } from '../context.ts'
import { eventAt } from '../event-at.ts'
import { CommandFailure } from '../failure.ts'
import { wholeNumber } from '../values.ts'

export function eventCommand(runner: Runner): Command {
  return new Command('event')
    .description('Show one event with all its parts.')
    .argument('<position>', 'its position in the log', wholeNumber(1))
    .action((position: number, _options: object, command: Command) =>
      runner.run(command, 'reads', async (context) => {
        const event = await eventAt(context, position)
        if (event === undefined) throw new CommandFailure(`No event has the position ${position}`)
        await context.printer.print(event, JSON.stringify(event, undefined, 2))
      }),
    )
}
