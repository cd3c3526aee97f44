/** `doctor`: looks for what is wrong with a store, and says what to do about each finding. */
import { health } from '@eventsourced/core/health'
import { Command } from 'commander'
import type { CommandContext, Runner } from '../context.ts'
import { problems } from '../exit-codes.ts'

/** `ok`: looked at, and nothing found. */
type Severity = 'ok' | 'warning' | 'problem'

interface Finding {
  readonly severity: Severity
  /** What the finding is about: `tables`, `frontier`, `subscription mailer`. */
  readonly subject: string
  readonly finding: string
  readonly remedy: string | undefined
}

const marks: Readonly<Record<Severity, string>> = { ok: 'ok      ', warning: 'warning ', problem: 'PROBLEM ' }

export function doctorCommand(runner: Runner, setExitCode: (code: number) => void): Command {
  return new Command('doctor')
    .description(
      'Look for problems: tables, the frontier, subscriptions, projections. Exits with 4 if there are any.',
    )
    .action((_options: object, command: Command) =>
      runner.run(command, 'reads', async (context) => {
        for await (const finding of findings(context)) {
          const { severity, subject, finding: text, remedy } = finding
          if (severity === 'problem') setExitCode(problems)
          const line = `${marks[severity]}${subject}: ${text}`
          await context.printer.print(finding, remedy === undefined ? line : `${line}\n        → ${remedy}`)
        }
      }),
    )
}

async function* findings(context: CommandContext): AsyncGenerator<Finding> {
  const { store, signal } = context
  const tables = await store.schema?.status()
  if (tables?.upToDate === false) {
    yield problem('tables', 'missing, or older than this version', 'run `eventsourced migrate`')
    return
  }
  if (tables !== undefined) yield ok('tables', 'up to date')
  if (tables !== undefined && 'eventsProtected' in tables && !tables.eventsProtected) {
    const remedy = 'run `eventsourced migrate`, which puts the trigger back'
    yield warning('tables', 'no trigger protects the events from changes', remedy)
  }
  if (tables !== undefined && 'warnings' in tables) {
    for (const { message } of tables.warnings) yield warning('tables', message, undefined)
  }
  const { checks } = await health(store)
  for (const check of checks) {
    const subject = check.name === 'subscription' ? `subscription ${check.subscription}` : check.name
    if (check.status === 'ok') yield ok(subject, summaryOf(check))
    else if (check.status === 'degraded') yield warning(subject, check.reason ?? '', undefined)
    else yield problem(subject, check.reason ?? '', undefined)
  }
  for await (const { name, isBuildNeeded, building } of store.listProjections({ counts: false, signal })) {
    const subject = `projection ${name}`
    if (building !== undefined) {
      yield warning(subject, `version ${building} is being built`, 'repeat the rebuild, if none is running')
    } else if (isBuildNeeded) {
      yield problem(subject, 'has no complete documents', `run \`eventsourced projections rebuild ${name}\``)
    } else yield ok(subject, 'built')
  }
}

type Checks = Awaited<ReturnType<typeof health>>['checks'][number]

function summaryOf(check: Checks): string {
  switch (check.name) {
    case 'database':
      return `answers in ${Math.round(check.duration)} ms`
    case 'frontier':
      return `readers see all events up to position ${check.position}`
    case 'last-append':
      return check.recordedAt === undefined
        ? 'the log is empty'
        : `position ${check.position}, ${check.recordedAt.toISOString()}`
    case 'subscription':
      return `${check.state}, ${check.lag} positions behind, ${check.owners.length} workers`
  }
}

const ok = (subject: string, finding: string): Finding => ({
  severity: 'ok',
  subject,
  finding,
  remedy: undefined,
})
const warning = (subject: string, finding: string, remedy: string | undefined): Finding => ({
  severity: 'warning',
  subject,
  finding,
  remedy,
})
const problem = (subject: string, finding: string, remedy: string | undefined): Finding => ({
  severity: 'problem',
  subject,
  finding,
  remedy,
})
