/** `audit`: lists what operators did with the store, the newest first. */
import type { AuditEntry } from '@eventsourced/core'
import { Command } from 'commander'
import { auditedActions } from '../audited.ts'
import type { Runner } from '../context.ts'
import type { Column } from '../output/printer.ts'
import { wholeNumber } from '../values.ts'

const columns: readonly Column<AuditEntry>[] = [
  { title: 'at', width: 24, text: ({ at }) => at.toISOString() },
  { title: 'actor', width: 24, text: ({ actor }) => actor },
  { title: 'action', width: 25, text: ({ action }) => action },
  { title: 'target', width: 24, text: ({ target }) => target },
  { title: 'outcome', width: 7, text: ({ outcome }) => outcome },
  { title: 'details', width: 0, text: detailsOf },
]

export function auditCommand(runner: Runner): Command {
  return new Command('audit')
    .description('List what operators did with the store, the newest first.')
    .option('--limit <number>', 'the largest number of actions', wholeNumber(1), 50)
    .action(({ limit }: { limit: number }, command: Command) =>
      runner.run(command, 'reads', ({ store, printer, signal }) => {
        const actions = auditedActions(store.audit.list({ signal }), limit)
        return printer.table(rowsOf(actions), columns, 'Nothing is recorded.')
      }),
    )
}

/** Gives all entries the same properties, so that a program that reads the JSON finds each of them. */
async function* rowsOf(entries: AsyncIterable<AuditEntry>): AsyncGenerator<AuditEntry> {
  const absent = { startId: undefined, reason: undefined, details: undefined, error: undefined }
  for await (const entry of entries) yield { ...absent, ...entry }
}

function detailsOf({ details, reason, error }: AuditEntry): string {
  const parts = [
    details && JSON.stringify(details),
    reason && `reason: ${reason}`,
    error && `error: ${error}`,
  ]
  return parts.filter((part) => part !== undefined).join('  ')
}
