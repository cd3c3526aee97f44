/** `import`: appends the events of a file of JSON Lines, and skips the events that the store has. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { ImportedEvent } from '@eventsourced/core'
import { Command } from 'commander'
import { audited } from '../audited.ts'
import type { Runner } from '../context.ts'
import { wrongUsage } from '../failure.ts'
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
    .option('--name <source>', 'names the source, if its events have no ids (default: the name of the file)')
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
        const name = options.name ?? basename(file)
        let bytes = 0
        const source = events(file, (count) => {
          bytes += count
        })
        const onProgress = () => shown.show({ done: bytes, total })
        try {
          const result = await audited(
            store,
            { ...operator, action: 'import', target: name, details: { ...options, file } },
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

/** Opens the source when its first event is asked for: a reader of lines loses the lines that come before. */
async function* events(file: string, onRead: (bytes: number) => void): AsyncGenerator<ImportedEvent> {
  const source: Readable = file === '-' ? process.stdin : createReadStream(file)
  source.on('data', (part: Buffer) => onRead(part.length))
  const text = file.endsWith('.gz') ? source.pipe(createGunzip()) : source
  // An error of the file would otherwise end the lines as if the file ended there.
  source.on('error', (error) => text.destroy(error))
  let number = 0
  for await (const line of createInterface({ input: text, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++
    if (line.trim() !== '') yield importedEvent(line, number)
  }
}
