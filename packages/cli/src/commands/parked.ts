/** `parked`: shows the events that a subscription has parked, and retries or skips them. */
import type { ParkedEvent, ParkedFilter } from '@eventsourced/core'
import { Command } from 'commander'
import { audited } from '../audited.ts'
import { confirmed } from '../confirm.ts'
import type { CommandContext, Runner } from '../context.ts'
import { CommandFailure, wrongUsage } from '../failure.ts'
import type { Column } from '../output/printer.ts'
import { wholeNumber } from '../values.ts'

const columns: readonly Column<ParkedEvent>[] = [
  { title: 'position', width: 10, align: 'right', text: ({ position }) => String(position) },
  { title: 'state', width: 8, text: ({ state }) => state },
  { title: 'failures', width: 8, align: 'right', text: ({ failures }) => String(failures) },
  { title: 'parked at', width: 24, text: ({ parkedAt }) => parkedAt.toISOString() },
  { title: 'stream', width: 24, text: ({ streamId }) => streamId },
  { title: 'type', width: 20, text: ({ type }) => type },
  { title: 'error', width: 0, text: ({ error }) => error },
]

interface FilterOptions {
  readonly all?: boolean
  readonly type?: string
  readonly stream?: string
  readonly error?: string
  readonly yes?: string
}

export function parkedCommand(runner: Runner): Command {
  return new Command('parked')
    .description('List the parked events of a subscription; show, retry or skip them.')
    .addCommand(listCommand(runner))
    .addCommand(showCommand(runner))
    .addCommand(actionCommand(runner, 'retry', 'Let the workers handle parked events again.'))
    .addCommand(actionCommand(runner, 'skip', 'Remove parked events without handling them.'))
}

function listCommand(runner: Runner): Command {
  return new Command('list')
    .description('List the parked events in order of position.')
    .argument('<subscription>')
    .action((subscription: string, _options: object, command: Command) =>
      runner.run(command, 'reads', (context) =>
        context.printer.table(
          context.store.parked(subscription).list({ signal: context.signal }),
          columns,
          `'${subscription}' has no parked events.`,
        ),
      ),
    )
}

function showCommand(runner: Runner): Command {
  return new Command('show')
    .description('Show a parked event with its error and its stack.')
    .argument('<subscription>')
    .argument('<position>', 'its position in the log', wholeNumber(1))
    .action((subscription: string, position: number, _options: object, command: Command) =>
      runner.run(command, 'reads', async ({ store, printer, signal }) => {
        const found = await store.parked(subscription).show(position, { signal })
        if (found === undefined) {
          throw new CommandFailure(`'${subscription}' has parked no event at position ${position}`)
        }
        const { stack, error, events, ...facts } = found
        const text = [JSON.stringify({ ...facts, events }, undefined, 2), '', stack ?? error].join('\n')
        return printer.print(found, text)
      }),
    )
}

function actionCommand(runner: Runner, action: 'retry' | 'skip', description: string): Command {
  return new Command(action)
    .description(description)
    .argument('<subscription>')
    .argument('[position]', 'the position of one event', wholeNumber(1))
    .option('--all', 'all parked events')
    .option('--type <type>', 'all of this type')
    .option('--stream <id>', 'all of this stream')
    .option('--error <text>', 'all whose error contains this text')
    .option('--yes <name>', 'the name of the subscription again, to confirm without a dialog')
    .action((subscription: string, position: number | undefined, options: FilterOptions, command: Command) =>
      runner.run(command, 'changes', async (context) => {
        const which = selected(position, options)
        if (action === 'skip') {
          const consequence = `The handler of '${subscription}' never gets the skipped events.`
          await confirmed(runner.terminal, subscription, consequence, options.yes)
        }
        const count = await perform(context, subscription, action, which)
        const words = action === 'skip' ? 'Skipped' : 'Handed to the workers again:'
        await context.printer.print({ subscription, action, count }, `${words} ${count} events.`)
      }),
    )
}

function perform(
  { store, operator, signal }: CommandContext,
  subscription: string,
  action: 'retry' | 'skip',
  which: number | ParkedFilter,
): Promise<number> {
  const parked = store.parked(subscription)
  const details = typeof which === 'number' ? { position: which } : { filter: which }
  return audited(
    store,
    { ...operator, action: `parked.${action}`, target: subscription, details },
    () => parked[action](which, { signal }),
    { results: (count) => ({ count }), signal },
  )
}

/** One event, or a filter. Without either, nothing is selected: `--all` must be said. */
function selected(position: number | undefined, options: FilterOptions): number | ParkedFilter {
  const { all, type, stream: streamId, error } = options
  const hasFilter = type !== undefined || streamId !== undefined || error !== undefined
  if (position !== undefined) {
    if (all || hasFilter) throw wrongUsage('Give a position, or --all, --type, --stream, --error; not both')
    return position
  }
  if (!all && !hasFilter) {
    throw wrongUsage('Which events? Give a position, or --all, or --type, --stream, --error')
  }
  return { type, streamId, error }
}
