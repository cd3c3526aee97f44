/** `subscriptions`: lists the subscriptions of all processes, and changes them. */
import type { StartPosition, SubscriptionSummary } from '@eventsourced/core'
import { Command } from 'commander'
import { audited } from '../audited.ts'
import { confirmed } from '../confirm.ts'
import type { CommandContext, Runner } from '../context.ts'
import type { Column } from '../output/printer.ts'
import { duration } from '../output/progress.ts'
import { moment, wholeNumber } from '../values.ts'

const columns: readonly Column<SubscriptionSummary>[] = [
  { title: 'subscription', width: 28, text: ({ name }) => name },
  { title: 'kind', width: 10, text: ({ kind }) => kind ?? '-' },
  { title: 'version', width: 7, align: 'right', text: ({ version }) => String(version ?? '-') },
  { title: 'state', width: 10, text: ({ state }) => state },
  { title: 'checkpoint', width: 10, align: 'right', text: ({ checkpoint }) => String(checkpoint) },
  { title: 'lag', width: 8, align: 'right', text: ({ lag }) => String(lag) },
  { title: 'behind', width: 12, align: 'right', text: ({ lagTime }) => duration(lagTime) },
  { title: 'parked', width: 6, align: 'right', text: ({ parked }) => String(parked) },
  { title: 'owners', width: 0, text: ({ owners }) => owners.join(', ') || 'none' },
]

export function subscriptionsCommand(runner: Runner): Command {
  return new Command('subscriptions')
    .description('List the subscriptions, or change one: pause, resume, move, repartition, remove.')
    .action((_options: object, command: Command) =>
      runner.run(command, 'reads', ({ store, printer, signal }) =>
        printer.table(store.subscriptions.list({ signal }), columns, 'No subscriptions.'),
      ),
    )
    .addCommand(pauseCommand(runner))
    .addCommand(resumeCommand(runner))
    .addCommand(moveCommand(runner))
    .addCommand(repartitionCommand(runner))
    .addCommand(removeCommand(runner))
}

function pauseCommand(runner: Runner): Command {
  return new Command('pause')
    .description('Stop its workers in all processes, until `resume`.')
    .argument('<name>')
    .action((name: string, _options: object, command: Command) =>
      runner.run(command, 'changes', async (context) => {
        const { store, printer, signal } = context
        await changed(context, 'pause', name, () => store.subscriptions.pause(name, { signal }))
        await printer.print({ name, state: 'paused' }, `Paused '${name}'. Its workers stop within a second.`)
      }),
    )
}

function resumeCommand(runner: Runner): Command {
  return new Command('resume')
    .description('End a pause.')
    .argument('<name>')
    .action((name: string, _options: object, command: Command) =>
      runner.run(command, 'changes', async (context) => {
        const { store, printer, signal } = context
        await changed(context, 'resume', name, () => store.subscriptions.resume(name, { signal }))
        await printer.print({ name, state: 'active' }, `Resumed '${name}'.`)
      }),
    )
}

function moveCommand(runner: Runner): Command {
  return new Command('move')
    .description('Continue at another place of the log: beginning, end, a position, or a time.')
    .argument('<name>')
    .argument(
      '<to>',
      'beginning, end, a position (it continues after it), or a time such as 2027-03-01T12:00:00Z',
      startPosition,
    )
    .option('--again', 'allow to go back, so that the handler gets events again')
    .action((name: string, to: StartPosition, { again }: { again?: boolean }, command: Command) =>
      runner.run(command, 'changes', async (context) => {
        const { store, printer, operator, signal } = context
        const details = { to: to instanceof Date ? to.toISOString() : to, again }
        const position = await audited(
          store,
          { ...operator, action: 'subscriptions.move', target: name, details },
          () => store.subscriptions.move(name, to, { again, signal }),
          { results: (position) => ({ position }), signal },
        )
        await printer.print({ name, position }, `Moved '${name}': it continues after position ${position}.`)
      }),
    )
}

function repartitionCommand(runner: Runner): Command {
  return new Command('repartition')
    .description('Divide the streams into another number of partitions.')
    .argument('<name>')
    .argument('<partitions>', 'from 1 to 1,000', wholeNumber(1))
    .action((name: string, partitions: number, _options: object, command: Command) =>
      runner.run(command, 'changes', async (context) => {
        const { store, printer, signal } = context
        const repartition = () => store.subscriptions.repartition(name, partitions, { signal })
        await changed(context, 'repartition', name, repartition, { partitions })
        await printer.print({ name, partitions }, `'${name}' has ${partitions} partitions now.`)
      }),
    )
}

function removeCommand(runner: Runner): Command {
  return new Command('remove')
    .description('Remove a subscription, its checkpoints and its parked events.')
    .argument('<name>')
    .option('--yes <name>', 'the name again, to confirm without a dialog')
    .action((name: string, { yes }: { yes?: string }, command: Command) =>
      runner.run(command, 'changes', async (context) => {
        const { store, printer, signal } = context
        const consequence = `This removes the checkpoints and parked events of '${name}'.`
        await confirmed(runner.terminal, name, consequence, yes)
        await changed(context, 'remove', name, () => store.subscriptions.remove(name, { signal }))
        await printer.print({ name, state: 'removed' }, `Removed '${name}'.`)
      }),
    )
}

/** Changes a subscription, and records that. */
function changed(
  { store, operator, signal }: CommandContext,
  method: 'pause' | 'resume' | 'repartition' | 'remove',
  name: string,
  work: () => Promise<void>,
  details?: Readonly<Record<string, unknown>>,
): Promise<void> {
  const action = { ...operator, action: `subscriptions.${method}`, target: name, details }
  return audited(store, action, work, { signal })
}

function startPosition(text: string): StartPosition {
  if (text === 'beginning' || text === 'end') return text
  return /^\d+$/.test(text) ? { after: wholeNumber(0)(text) } : moment(text)
}
