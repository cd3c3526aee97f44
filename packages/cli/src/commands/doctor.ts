/** `doctor`: looks for what is wrong with a store, and says what to do about each finding. */
import type { SubscriptionSummary } from '@eventsourced/core'
import { type HealthOptions, health } from '@eventsourced/core/health'
import { Command } from 'commander'
import type { CommandContext, Runner } from '../context.ts'
import type { Finding, Severity } from '../doctor/finding.ts'
import { healthFindings } from '../doctor/health.ts'
import { projectionFindings } from '../doctor/projections.ts'
import { tablesFindings } from '../doctor/tables.ts'
import { problems } from '../exit-codes.ts'
import { wholeNumber } from '../values.ts'

/** How long doctor waits for the database, in milliseconds. An operator waits longer than a load balancer. */
const timeout = 30_000

type Limits = Pick<HealthOptions, 'maxFrontierAge'>

const marks: Readonly<Record<Severity, string>> = { ok: 'ok      ', warning: 'warning ', problem: 'PROBLEM ' }

export function doctorCommand(runner: Runner, setExitCode: (code: number) => void): Command {
  return new Command('doctor')
    .description(
      'Look for problems: tables, settings, rights, the frontier, subscriptions, projections. Exits with 4 if there are any.',
    )
    .option(
      '--max-frontier-age <milliseconds>',
      'for how long an append may hold back the readers of the log',
      wholeNumber(0),
      10_000,
    )
    .action((limits: Limits, command: Command) =>
      runner.run(command, 'reads', async (context) => {
        for await (const finding of findings(context, limits)) {
          const { severity, subject, finding: text, remedy } = finding
          if (severity === 'problem') setExitCode(problems)
          const line = `${marks[severity]}${subject}: ${text}`
          await context.printer.print(finding, remedy === undefined ? line : `${line}\n        → ${remedy}`)
        }
      }),
    )
}

async function* findings(context: CommandContext, limits: Limits): AsyncGenerator<Finding> {
  const isUsable = yield* tablesFindings(context)
  if (!isUsable) return
  const { store, signal } = context
  const { checks } = await health(store, { ...limits, timeout })
  const subscriptions = new Map<string, SubscriptionSummary>()
  const answers = !checks.some(({ name, status }) => name === 'database' && status === 'failed')
  if (answers) {
    for await (const one of store.subscriptions.list({ signal })) subscriptions.set(one.name, one)
  }
  for (const check of checks) yield* healthFindings(check, subscriptions)
  if (answers) yield* projectionFindings(context, subscriptions)
}
