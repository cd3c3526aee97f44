/** `import`: appends the events of a file of JSON Lines, and skips the events that the store has. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { ImportedEvent } from '@eventsourced/core'
import { Command } from 'commander'
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
      runner.run(command, 'creates', async ({ store, printer, signal }) => {
        const { total, bytes, lines } = await openFile(file)
        const shown = new Progress(runner.terminal, 'bytes')
        const name = options.name ?? basename(file)
        const onProgress = () => shown.show({ done: bytes(), total })
        try {
          const result = await store.import(events(lines), { ...options, name, onProgress, signal })
          const { read, imported, skipped } = result
          const text = `Read ${read} events: ${imported} imported, ${skipped} were there before.`
          await printer.print(result, text)
        } finally {
          shown.end()
        }
      }),
    )
}

async function openFile(file: string) {
  let source: Readable = process.stdin
  let total = 0
  if (file !== '-') {
    const found = await stat(file).catch(() => undefined)
    if (found === undefined || !found.isFile()) throw wrongUsage(`There is no file '${file}'`)
    total = found.size
    source = createReadStream(file)
  }
  let count = 0
  source.on('data', (part: Buffer) => {
    count += part.length
  })
  const text = file.endsWith('.gz') ? source.pipe(createGunzip()) : source
  // An error of the file would otherwise end the lines as if the file ended there.
  source.on('error', (error) => text.destroy(error))
  return {
    total,
    bytes: () => count,
    lines: createInterface({ input: text, crlfDelay: Number.POSITIVE_INFINITY }),
  }
}

async function* events(lines: AsyncIterable<string>): AsyncGenerator<ImportedEvent> {
  let number = 0
  for await (const line of lines) {
    number++
    if (line.trim() !== '') yield importedEvent(line, number)
  }
}
