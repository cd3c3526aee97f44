/** `migrate`: creates the tables, or brings them up to date. */
import { Command, Option } from 'commander'
import type { CommandContext, Runner } from '../context.ts'
import { done, pending } from '../exit-codes.ts'
import { textOf, wrongUsage } from '../failure.ts'
import { printableLines } from '../output/printer.ts'
import { schemaOf } from '../target/open.ts'

interface MigrateOptions {
  readonly check?: boolean
  readonly dryRun?: boolean
  readonly print?: boolean
  readonly grant?: string
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
    .addOption(
      new Option(
        '--grant <role>',
        'change nothing; print the SQL script with which the owner lets a role use the store (Postgres)',
      ).conflicts(['check', 'dryRun', 'print']),
    )
    .action((options: MigrateOptions, command: Command) => {
      const isReading = options.check || options.dryRun || options.print || options.grant !== undefined
      return runner.run(command, isReading ? 'reads' : 'creates', async (context) => {
        const { printer, shown } = context
        const schema = schemaOf(context)
        if (options.print) {
          if (!('sql' in schema)) throw wrongUsage('--print is for Postgres: DynamoDB has no SQL')
          return printer.print({ sql: schema.sql() }, schema.sql())
        }
        if (options.grant !== undefined) {
          if (!('grantSql' in schema)) throw wrongUsage('--grant is for Postgres: DynamoDB has no roles')
          const sql = schema.grantSql(options.grant)
          return printer.print({ sql }, sql)
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
 * Brings the tables up to date, and records that if something was pending: after it, because before there may be no
 * table to record it in. A role that may create tables need not be able to write to them. A note then says that the
 * migration is not recorded, and the command succeeds, so that a deployment does not stop.
 */
async function migrated(
  { store, operator, printer }: CommandContext,
  schema: ReturnType<typeof schemaOf>,
): Promise<Awaited<ReturnType<typeof schema.create>>> {
  const before = await schema.status()
  const status = await schema.create()
  if (before.upToDate) return status
  const details = 'pending' in before ? { pending: before.pending } : undefined
  const entry = { ...operator, action: 'migrate', target: 'tables', outcome: 'done', details } as const
  await store.audit.record(entry).catch((error: unknown) => {
    printer.note(printableLines(`The store could not record this migration for \`audit\`: ${textOf(error)}`))
  })
  return status
}
