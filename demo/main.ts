/** `npm run demo [-- FILE]`: tells a story on an embedded Postgres, and then imports a real log. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type EventDefinitions, EventSourcedError } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import { readArguments } from './arguments.ts'
import { consoleCommand } from './console-command.ts'
import { gitHistory } from './git-history.ts'
import { importLog } from './import-log.ts'
import { InputError } from './input.ts'
import { jsonLines } from './json-lines.ts'
import { count, print, style } from './print.ts'
import { tellStory } from './story.ts'
import { summarise } from './summary.ts'

const { file, folder } = readArguments(process.argv.slice(2))
const interruption = new AbortController()
process.once('SIGINT', () => interruption.abort())
// The reader of a pipe may close it early (`npm run demo | head`).
process.stdout.on('error', () => process.exit(0))

const postgresFolder = join(folder.path, 'postgres')

/** Opens a store in the folder, which holds several stores: each has its own schema. */
const openStore = (schema: string, events?: EventDefinitions) =>
  postgresStore(`pglite:${postgresFolder}`, { schema, events })

async function main(): Promise<void> {
  // The input comes first, so that a wrong path fails at once.
  const input = file ? await jsonLines(file.path, file.shown) : ((await gitHistory()) ?? (await sample()))
  if (!existsSync(folder.path))
    print(style('dim', 'On the first run, the embedded Postgres needs a few seconds to set itself up …'))
  {
    await using concerts = openStore('story')
    await tellStory(concerts, folder.shown)
  }
  await using log = openStore(input.schema, input.catalogue)
  // The store would create its tables on first use. Created here, they do not count in the time of the import.
  await log.schema.create()
  const { read } = await importLog(log, input, interruption.signal)
  const events = await summarise(log, interruption.signal)
  if (events > read) print(`  Kept from an earlier version of this input: ${count(events - read, 'event')}\n`)
  print('  To look around in it, open the console on it:')
  print(`  ${style('bold', consoleCommand(postgresFolder, input.schema))}\n`)
}

const sample = () => jsonLines(join(import.meta.dirname, 'sample.jsonl'), 'demo/sample.jsonl')

try {
  await main()
} catch (error) {
  if (interruption.signal.aborted) {
    process.stderr.write(
      '\nStopped. The imported events stay in the store, and the next run resumes from there.\n',
    )
    process.exit(130)
  }
  const isForTheReader = error instanceof InputError || error instanceof EventSourcedError
  const text =
    error instanceof Error && !isForTheReader
      ? error.stack
      : `${style('red', 'Error')}: ${(error as Error).message}`
  process.stderr.write(`${text}\n`)
  process.exitCode = 1
}
