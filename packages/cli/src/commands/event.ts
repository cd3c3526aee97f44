/** `event`: shows one event with all its parts. */
import { Command } from 'commander'
import type { Runner } from '../context.ts'
import { CommandFailure } from '../failure.ts'
import { wholeNumber } from '../values.ts'

export function eventCommand(runner: Runner): Command {
  return new Command('event')
    .description('Show one event with all its parts.')
    .argument('<position>', 'its position in the log', wholeNumber(1))
    .action((position: number, _options: object, command: Command) =>
      runner.run(command, 'reads', async ({ store, printer, signal }) => {
        const after = position - 1
        for await (const event of store.readAll({ after, until: position, limit: 1, signal })) {
          return printer.print(event, JSON.stringify(event, undefined, 2))
        }
        throw new CommandFailure(`No event has the position ${position}`)
      }),
    )
}
