/** `check`: reads the stored events with the catalogue of the configuration file, and reports the events that fail. */
import type { Catalogue, CheckableStore, CheckProgress, CheckResult, RecordedEvent } from '@eventsourced/core'
import { Command } from 'commander'
import { conclusion, kindColumns } from '../check/report.ts'
import { ResumeFile } from '../check/resume-file.ts'
import type { CommandContext, Runner } from '../context.ts'
import { unreadable } from '../exit-codes.ts'
import { wrongUsage } from '../failure.ts'
import { Progress } from '../output/progress.ts'
import { filled, wholeNumber } from '../values.ts'

interface CheckCommandOptions {
  readonly after?: number
  readonly sample?: number
  readonly limit?: number
  readonly resume?: string
}

export function checkCommand(runner: Runner, setExitCode: (code: number) => void): Command {
  return new Command('check')
    .description(
      'Read the stored events with the catalogue of a configuration file. Exits with 5 if some cannot be read.',
    )
    .option('--after <position>', 'only events after this position', wholeNumber(0))
    .option(
      '--sample <number>',
      'a part of the log: at least this many of the oldest and of the newest events of each type',
      wholeNumber(1),
    )
    .option(
      '--limit <number>',
      'how many examples to show for each type and version (default: 10)',
      wholeNumber(0),
    )
    .option(
      '--resume <file>',
      'keep the state of an interrupted check in this file. Repeat the command to continue',
      filled,
    )
    .action((options: CheckCommandOptions, command: Command) =>
      runner.run(command, 'reads', async (context) => {
        const { sample, resume } = options
        if (resume !== undefined && sample !== undefined)
          throw wrongUsage('A sample cannot be resumed: leave out --sample or --resume')
        const catalogue = catalogueOf(context)
        const file = resume === undefined ? undefined : new ResumeFile(resume, catalogue)
        const result = await checked(runner, context, catalogue, file, options)
        if (!result.ok) setExitCode(unreadable)
        const { printer } = context
        if (!printer.isJson) await printer.table(result.stored, kindColumns, 'No events.')
        await printer.print(result, conclusion(result))
        await file?.remove()
      }),
    )
}

async function checked(
  runner: Runner,
  context: CommandContext,
  catalogue: Catalogue,
  file: ResumeFile | undefined,
  { after, sample, limit }: CheckCommandOptions,
): Promise<CheckResult> {
  const { store, printer, signal } = context
  const resume = await file?.read(context, after ?? 0)
  const log = new NotedLog(store)
  const shown = new Progress(runner.terminal, sample === undefined ? 'positions' : 'events')
  const onProgress = stepsOf(resume?.position ?? after ?? 0, sample !== undefined, async (step, result) => {
    await file?.note(result, log.last)
    await shown.show(step)
  })
  try {
    const range = resume === undefined ? { after, sample } : { resume }
    return await catalogue.check(log, { ...range, limit, onProgress, signal })
  } catch (error) {
    // The error that ended the check says more than an error of the file.
    const position = await file?.write().catch(() => undefined)
    if (position !== undefined)
      printer.note(`The check has come to position ${position}. Repeat the command to continue there.`)
    throw error
  } finally {
    shown.end()
  }
}

/** Passes on the reads of a check, and notes the last event that it has got. */
class NotedLog implements CheckableStore {
  readonly raw: CheckableStore['raw']
  last: RecordedEvent | undefined

  constructor(store: CheckableStore) {
    this.raw = { readAll: (options) => this.#noted(store.raw.readAll(options)) }
  }

  async *#noted(events: AsyncIterable<RecordedEvent>): AsyncGenerator<RecordedEvent, void, undefined> {
    for await (const event of events) {
      this.last = event
      yield event
    }
  }
}

/** Makes steps of what a check reports. The events of a sample come in no order, so their positions show no progress. */
function stepsOf(
  from: number,
  isSample: boolean,
  use: (step: Parameters<Progress['show']>[0], result: CheckResult) => Promise<void>,
): (progress: CheckProgress) => Promise<void> {
  const began = performance.now()
  return ({ position, lastPosition, events, result }) => {
    if (isSample) return use({ done: events, total: 0 }, result)
    const positionsPerMillisecond = (position - from) / (performance.now() - began)
    const timeLeft = (lastPosition - position) / positionsPerMillisecond
    return use({ done: position, total: lastPosition, timeLeft }, result)
  }
}

/** Reading old events as today's needs the functions of a catalogue, which only the program has. */
function catalogueOf({ store, shown }: CommandContext): Catalogue {
  const catalogue = store.events as Catalogue | undefined
  if (catalogue === undefined) {
    throw wrongUsage(
      `'check' needs a catalogue, and the store of ${shown} has none. Export the store with its catalogue from an eventsourced.config.ts, such as \`export const store = postgresStore(url, { events })\`, and name the file with --config in place of --url`,
    )
  }
  if (catalogue.types.length === 0) {
    throw wrongUsage(
      `The catalogue of the store of ${shown} names no events: only the compiler knows them. Name them in \`defineEvents({ … })\`, each with a schema or as \`payload<Data>()\``,
    )
  }
  return catalogue
}
