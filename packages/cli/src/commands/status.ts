/** `status`: shows where the store is, whether its tables are current, how long the log is, and who follows it. */
import { Command } from 'commander'
import type { CommandContext, Runner } from '../context.ts'

export function statusCommand(runner: Runner): Command {
  return new Command('status')
    .description('Show the tables, the log and the subscriptions in short.')
    .action((_options: object, command: Command) =>
      runner.run(command, 'reads', async (context) => {
        const found = await statusOf(context)
        const { tables, log, subscriptions } = found
        const lines = [
          `store          ${context.shown}`,
          `tables         ${tables === undefined ? 'none (in memory)' : tables.upToDate ? 'up to date' : 'not up to date: run `eventsourced migrate`'}`,
          `last position  ${log.lastPosition}${log.lastRecordedAt === null ? '' : `, recorded at ${log.lastRecordedAt}`}`,
          `subscriptions  ${subscriptions.count}, ${subscriptions.parked} parked events, largest lag ${subscriptions.largestLag}`,
        ]
        return context.printer.print(found, lines.join('\n'))
      }),
    )
}

async function statusOf({ store, shown, signal }: CommandContext) {
  const tables = await store.schema?.status()
  const log = { lastPosition: 0, lastRecordedAt: null as string | null }
  const subscriptions = { count: 0, parked: 0, largestLag: 0 }
  if (tables?.upToDate !== false) {
    for await (const event of store.readAll({ direction: 'backward', limit: 1, signal })) {
      log.lastPosition = event.position
      log.lastRecordedAt = event.recordedAt.toISOString()
    }
    for await (const { parked, lag } of store.subscriptions.list({ signal })) {
      subscriptions.count++
      subscriptions.parked += parked
      subscriptions.largestLag = Math.max(subscriptions.largestLag, lag)
    }
  }
  return { store: shown, tables, log, subscriptions }
}
