/** `migrate`: creates the tables, or brings them up to date. */
import { Command, Option } from 'commander'
import { auditedAfter } from '../audited.ts'
import type { CommandContext, Runner } from '../context.ts'
import { done, pending } from '../exit-codes.ts'
import { wrongUsage } from '../failure.ts'
import { schemaOf } from '../target/open.ts'

interface MigrateOptions {
  readonly check?: boolean
  readonly dryRun?: boolean
  readonly print?: boolean
}

export function migrateCommand(runner: Runner, setExitCode: (code: number) => void): Command {
  return new Command('migrate')
    .description('Create the tables and functions, or bring them up to date.')
    .addOption(
      new Option('--check', 'change nothing; exit with 3 if something is pending').conflicts([
        'dryRun',
        'print',
      ]),
    )
    .addOption(new Option('--dry-run', 'change nothing; show what is pending').conflicts('print'))
    .option('--print', 'change nothing; print the SQL script for an empty database (Postgres)')
    .action((options: MigrateOptions, command: Command) => {
      const isReading = options.check || options.dryRun || options.print
      return runner.run(command, isReading ? 'reads' : 'creates', async (context) => {
        const { printer, shown } = context
        const schema = schemaOf(context)
        if (options.print) {
          if (!('sql' in schema)) throw wrongUsage('--print is for Postgres: DynamoDB has no SQL')
          return printer.print({ sql: schema.sql() }, schema.sql())
        }
        const status = isReading ? await schema.status() : await migrated(context, schema)
        if (options.check && !status.upToDate) setExitCode(pending)
        else setExitCode(done)
        const names = 'pending' in status ? status.pending : status.upToDate ? [] : status.tables
        const text = status.upToDate
          ? `${shown} is up to date.`
          : `${shown} needs \`eventsourced migrate\`: ${names.join(', ') || 'the functions are older than this version'}`
        return printer.print(status, text)
      })
    })
}

/**
 * Brings the tables up to date, and records that if something was pending. Before, there may be no table to record it in:
 * so there is only the entry after it.
 */
async function migrated({ store, operator }: CommandContext, schema: ReturnType<typeof schemaOf>) {
  const before = await schema.status()
  if (before.upToDate) return schema.create()
  const details = 'pending' in before ? { pending: before.pending } : {}
  const action = { ...operator, action: 'migrate', target: 'tables', details }
  return auditedAfter<Awaited<ReturnType<typeof schema.create>>>(store, action, () => schema.create())
}
