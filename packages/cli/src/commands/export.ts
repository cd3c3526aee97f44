/** `export`: writes the log to a file of JSON Lines, and resumes an interrupted export. */
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { RecordedEvent } from '@eventsourced/core'
import { Command } from 'commander'
import type { CommandContext, Runner } from '../context.ts'
import { CommandFailure, wrongUsage } from '../failure.ts'
import { Progress } from '../output/progress.ts'
import { exportedLine } from '../transfer-event.ts'
import { collected, wholeNumber } from '../values.ts'

const compress = promisify(gzip)
const eventsPerPart = 5_000

interface ExportOptions {
  readonly after?: number
  readonly type?: readonly string[]
  readonly prefix?: string
}

/** How far an export has come. It stands beside the file while the export is not complete. */
interface Mark {
  /** The position of the last event in the file. */
  readonly position: number
  /** The length of the file up to there. Whatever follows was half written. */
  readonly bytes: number
  /** The options of the export. A file has the events of one selection. */
  readonly options: ExportOptions
}

export function exportCommand(runner: Runner): Command {
  return new Command('export')
    .description(
      'Write the log to a file of JSON Lines (.gz: gzipped; -: standard output). Repeat it to resume.',
    )
    .argument('<file>')
    .option('--after <position>', 'only events after this position', wholeNumber(0))
    .option('--type <type>', 'only events of this type; may be repeated', collected)
    .option('--prefix <text>', 'only events of streams whose id begins with this text')
    .action((file: string, options: ExportOptions, command: Command) =>
      runner.run(command, 'reads', async (context) => {
        if (file === '-') return exportToOutput(runner, context, options)
        const { events, position } = await exportToFile(runner, context, file, options)
        await context.printer.print(
          { file, events, position },
          `Wrote ${events} events to ${file}, up to position ${position}.`,
        )
      }),
    )
}

/** The events as they are stored. A catalogue would change old ones, and an import must get what was recorded. */
function storedEvents({ store, signal }: CommandContext, { after = 0, type, prefix }: ExportOptions) {
  return store.raw.readAll({ after, types: type, streamPrefix: prefix, signal })
}

async function exportToOutput(
  runner: Runner,
  context: CommandContext,
  options: ExportOptions,
): Promise<void> {
  for await (const event of storedEvents(context, options)) await runner.terminal.out(exportedLine(event))
}

async function exportToFile(runner: Runner, context: CommandContext, file: string, options: ExportOptions) {
  const markFile = `${file}.unfinished`
  const mark = await startOf(file, markFile, options)
  let { position, bytes } = mark ?? { position: options.after ?? 0, bytes: 0 }
  const keepMark = () => writeFile(markFile, JSON.stringify({ position, bytes, options } satisfies Mark))
  // Before the file exists: an export that ends at once can be resumed, too.
  if (mark === undefined) await keepMark()
  const handle = await open(file, 'a+')
  const shown = new Progress(runner.terminal, 'positions')
  let count = 0
  try {
    await handle.truncate(bytes)
    const end = await lastPosition(context)
    for await (const part of inParts(storedEvents(context, { ...options, after: position }))) {
      const text = part.map((event) => `${exportedLine(event)}\n`).join('')
      // Each part is a complete gzip member: a file of several members is a valid gzip file.
      const content = file.endsWith('.gz') ? await compress(text) : Buffer.from(text)
      await handle.write(content)
      await handle.sync()
      bytes += content.length
      position = part.at(-1)?.position ?? position
      count += part.length
      await keepMark()
      await shown.show({ done: position, total: end })
    }
  } finally {
    shown.end()
    await handle.close()
  }
  await rm(markFile, { force: true })
  return { events: count, position }
}

/** Returns where an interrupted export continues; undefined for a new file. @throws CommandFailure if it cannot continue */
async function startOf(file: string, markFile: string, options: ExportOptions): Promise<Mark | undefined> {
  const text = await readFile(markFile, 'utf8').catch(() => undefined)
  const size = (await stat(file).catch(() => undefined))?.size
  if (text === undefined) {
    if (size === undefined) return undefined
    throw wrongUsage(
      `'${file}' exists already, and its export is complete. Name another file, or remove this one`,
    )
  }
  const mark = asMark(text)
  const again = `Remove '${file}' and '${markFile}' to begin again`
  if (mark === undefined)
    throw new CommandFailure(`'${markFile}' does not say how far the export was. ${again}`)
  if ((size ?? 0) < mark.bytes) {
    throw new CommandFailure(`'${file}' is shorter than it was when its export was interrupted. ${again}`)
  }
  if (JSON.stringify(mark.options) !== JSON.stringify(options)) {
    throw wrongUsage(`The interrupted export of '${file}' had other options. Repeat them. ${again}`)
  }
  return mark
}

function asMark(text: string): Mark | undefined {
  try {
    const mark = JSON.parse(text) as Mark | null
    return Number.isSafeInteger(mark?.position) && Number.isSafeInteger(mark?.bytes)
      ? (mark as Mark)
      : undefined
  } catch {
    return undefined
  }
}

async function lastPosition({ store, signal }: CommandContext): Promise<number> {
  for await (const { position } of store.raw.readAll({ direction: 'backward', limit: 1, signal }))
    return position
  return 0
}

async function* inParts(events: AsyncIterable<RecordedEvent>): AsyncGenerator<readonly RecordedEvent[]> {
  let part: RecordedEvent[] = []
  for await (const event of events) {
    part.push(event)
    if (part.length < eventsPerPart) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}
