/** `event`: shows one event with all its parts, as it is stored. */
import { Command } from 'commander'
import type { Runner } from '../context.ts'
import { eventAt, noEventAt } from '../event-at.ts'
import { CommandFailure } from '../failure.ts'
import { type EventPlace, eventPlace } from '../values.ts'

export function eventCommand(runner: Runner): Command {
  return new Command('event')
    .description('Show one event with all its parts, as it is stored.')
    .argument('<id or position>', 'its id, or its position in the log', eventPlace)
    .action((place: EventPlace, _options: object, command: Command) =>
      runner.run(command, 'reads', async (context) => {
        const event = await eventAt(context, place)
        if (event === undefined) throw new CommandFailure(noEventAt(place))
        await context.printer.print(event, JSON.stringify(event, undefined, 2))
      }),
    )
}
