/** `projections`: lists the projections; rebuilds, verifies and drops them. */
import type { ProjectionSummary, RebuildProgress } from '@eventsourced/core'
import { Command } from 'commander'
import { audited } from '../audited.ts'
import { confirmed } from '../confirm.ts'
import type { CommandContext, Runner } from '../context.ts'
import { problems } from '../exit-codes.ts'
import { wrongUsage } from '../failure.ts'
import type { Column } from '../output/printer.ts'
import { duration, Progress } from '../output/progress.ts'
import type { AnyDocumentProjection } from '../target/known.ts'
import { wholeNumber } from '../values.ts'

const columns: readonly Column<ProjectionSummary>[] = [
  { title: 'projection', width: 28, text: ({ name }) => name },
  { title: 'mode', width: 6, text: ({ mode }) => mode },
  { title: 'version', width: 7, align: 'right', text: ({ version }) => String(version) },
  { title: 'documents', width: 10, align: 'right', text: ({ documents }) => String(documents) },
  { title: 'state', width: 0, text: stateOf },
]

export function projectionsCommand(runner: Runner, setExitCode: (code: number) => void): Command {
  return new Command('projections')
    .description('List the projections, or rebuild, verify or drop one.')
    .action((_options: object, command: Command) =>
      runner.run(command, 'reads', ({ store, printer, signal }) =>
        printer.table(store.listProjections({ signal }), columns, 'No projections.'),
      ),
    )
    .addCommand(rebuildCommand(runner))
    .addCommand(verifyCommand(runner, setExitCode))
    .addCommand(dropCommand(runner))
}

function rebuildCommand(runner: Runner): Command {
  return new Command('rebuild')
    .description('Build new documents while readers get the old ones. Resumes an interrupted rebuild.')
    .argument('<name>', 'a projection of the configuration file')
    .option('--batch-size <number>', 'how many events to fold in at once', wholeNumber(1))
    .action((name: string, options: { batchSize?: number }, command: Command) =>
      runner.run(command, 'changes', async (context) => {
        const { store, printer, operator, signal } = context
        const projection = projectionOf(context, name)
        const result = await audited(
          store,
          { ...operator, action: 'projections.rebuild', target: name, details: options },
          () =>
            withProgress(runner, (onProgress) =>
              store.rebuild(projection, { ...options, onProgress, signal }),
            ),
          { results: ({ events, version, position }) => ({ events, version, position }), signal },
        )
        const took = duration(result.duration)
        const text = `Rebuilt '${name}' with ${result.events} events in ${took}; version ${result.version}, up to position ${result.position}.`
        await printer.print({ name, ...result }, text)
      }),
    )
}

function verifyCommand(runner: Runner, setExitCode: (code: number) => void): Command {
  return new Command('verify')
    .description('Compare the documents with new ones made of all events.')
    .argument('<name>', 'a projection of the configuration file')
    .option('--limit <number>', 'how many differences to show', wholeNumber(1), 20)
    .action((name: string, { limit }: { limit: number }, command: Command) =>
      runner.run(command, 'changes', async (context) => {
        const { store, printer, operator, signal } = context
        const projection = projectionOf(context, name)
        const result = await audited(
          store,
          { ...operator, action: 'projections.verify', target: name },
          () => withProgress(runner, (onProgress) => store.verify(projection, { limit, onProgress, signal })),
          { results: ({ ok, documents, events }) => ({ ok, documents, events }), signal },
        )
        if (!result.ok) setExitCode(problems)
        const differences = result.differences.map(
          ({ key, expected, actual }) =>
            `${key}\n  expected ${JSON.stringify(expected)}\n  actual   ${JSON.stringify(actual)}`,
        )
        const summary = result.ok
          ? `'${name}' is right: ${result.documents} documents, ${result.events} events.`
          : `'${name}' has wrong documents; run \`eventsourced projections rebuild ${name}\`:`
        await printer.print({ name, ...result }, [summary, ...differences].join('\n'))
      }),
    )
}

function dropCommand(runner: Runner): Command {
  return new Command('drop')
    .description('Delete the documents of a projection that no process runs any more.')
    .argument('<name>')
    .option('--yes <name>', 'the name again, to confirm without a dialog')
    .action((name: string, { yes }: { yes?: string }, command: Command) =>
      runner.run(command, 'changes', async ({ store, printer, operator, signal }) => {
        await confirmed(runner.terminal, name, `This deletes all documents of '${name}'.`, yes)
        const dropped = await audited(
          store,
          { ...operator, action: 'projections.drop', target: name },
          () => store.dropProjection(name, { signal }),
          { results: (dropped) => ({ dropped }), signal },
        )
        const text = dropped ? `Dropped '${name}'.` : `'${name}' was never built, or dropped before.`
        await printer.print({ name, dropped }, text)
      }),
    )
}

async function withProgress<Result>(
  runner: Runner,
  work: (onProgress: (progress: RebuildProgress) => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const shown = new Progress(runner.terminal, 'positions')
  try {
    return await work(({ position, lastPosition, timeLeft }) =>
      shown.show({ done: position, total: lastPosition, timeLeft }),
    )
  } finally {
    shown.end()
  }
}

/** Rebuilding needs the functions of a projection, which only the program has. */
function projectionOf({ config }: CommandContext, name: string): AnyDocumentProjection {
  const known = config.projections ?? []
  const found = known.find((projection) => projection.name === name)
  if (found?.kind === 'documents') return found
  if (found !== undefined) throw wrongUsage(`'${name}' is a raw projection: it has no documents to build`)
  const names = known.map((projection) => projection.name).join(', ')
  throw wrongUsage(
    known.length === 0
      ? 'This needs the projection itself: write an eventsourced.config.ts that exports `store` and `projections`'
      : `There is no projection '${name}': the configuration file has ${names}`,
  )
}

function stateOf({ building, isBuildNeeded }: ProjectionSummary): string {
  if (building !== undefined) return `version ${building} is being built`
  return isBuildNeeded ? 'needs a rebuild' : 'built'
}
