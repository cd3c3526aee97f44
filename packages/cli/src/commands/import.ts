/** `import`: appends the events of a file of JSON Lines, and skips the events that the store has. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { ImportedEvent } from '@eventsourced/core'
import { Command } from 'commander'
import { audited } from '../audited.ts'
import type { Runner } from '../context.ts'
import { CommandFailure, wrongUsage } from '../failure.ts'
import { linesOf } from '../lines.ts'
import { Progress } from '../output/progress.ts'
import { importedEvent } from '../transfer-event.ts'
import { wholeNumber } from '../values.ts'

interface ImportFileOptions {
  readonly name?: string
  readonly clampTimes?: boolean
  readonly batchSize?: number
  readonly shape?: 'current' | 'stored'
}

export function importCommand(runner: Runner): Command {
  return new Command('import')
    .description(
      'Append the events of a file of JSON Lines (.gz: gzipped; -: standard input). Repeat it to resume.',
    )
    .argument('<file>', 'one event a line, as `export` writes them')
    .option(
      '--name <source>',
      'names the source, if its events have no ids (default: the name of the file; the standard input has none)',
    )
    .option(
      '--clamp-times',
      'record an event that is older than the last one of its stream at the time of that one',
    )
    .option('--batch-size <number>', 'the largest number of events in one batch', wholeNumber(1))
    .option('--shape <shape>', 'with a catalogue: current or stored')
    .action((file: string, options: ImportFileOptions, command: Command) =>
      runner.run(command, 'creates', async ({ store, printer, operator, signal }) => {
        const total = await sizeOf(file)
        const shown = new Progress(runner.terminal, 'bytes')
        const name = options.name ?? (file === '-' ? undefined : basename(file))
        let bytes = 0
        const onRead = (count: number) => {
          bytes += count
        }
        const source = events({ file, name, onRead })
        const onProgress = () => shown.show({ done: bytes, total })
        try {
          const result = await audited(
            store,
            {
              ...operator,
              action: 'import',
              target: name ?? 'standard input',
              details: { ...options, file },
            },
            () => store.import(source, { ...options, name, onProgress, signal }),
            { results: ({ read, imported, skipped }) => ({ read, imported, skipped }), signal },
          )
          const { read, imported, skipped } = result
          const text = `Read ${read} events: ${imported} imported, ${skipped} were there before.`
          await printer.print(result, text)
        } finally {
          shown.end()
        }
      }),
    )
}

/** Returns the bytes of a file; 0 for the standard input, whose size is unknown. */
async function sizeOf(file: string): Promise<number> {
  if (file === '-') return 0
  const found = await stat(file).catch(() => undefined)
  if (found === undefined || !found.isFile()) throw wrongUsage(`There is no file '${file}'`)
  return found.size
}

interface Source {
  readonly file: string
  /** Names the source; undefined if nothing does, so that each event needs an id. */
  readonly name: string | undefined
  onRead(bytes: number): void
}

/** Opens the source when its first event is asked for: nothing is left open if the import is not begun. */
async function* events({ file, name, onRead }: Source): AsyncGenerator<ImportedEvent> {
  const bytes = counted(file === '-' ? process.stdin : createReadStream(file), onRead)
  // An error of the file reaches its reader through the text.
  const text = file.endsWith('.gz') ? pipeline(bytes, createGunzip(), () => {}) : bytes
  let number = 0
  for await (const line of linesOf(text)) {
    number++
    if (line.trim() === '') continue
    const event = importedEvent(line, number)
    if (name === undefined && event.id === undefined) throw new CommandFailure(withoutId(number))
    yield event
  }
}

/** Without a name, other events that are piped in later would have the same ids, and count as repeated. */
const withoutId = (number: number) =>
  `Line ${number} has no "id": name what is on the standard input with --name, the same name when you repeat it`

async function* counted(
  source: AsyncIterable<Uint8Array>,
  onRead: Source['onRead'],
): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    onRead(bytes.length)
    yield bytes
  }
}
