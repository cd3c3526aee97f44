/** The demo: a story, told on an embedded Postgres, and then a real log. `npm run demo`, or `npm run demo -- FILE`. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EventSourcedError } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import { readArguments } from './arguments.ts'
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
// Whoever reads the output has seen enough (`npm run demo | head`).
process.stdout.on('error', () => process.exit(0))

/** One folder holds several stores: each has a schema of its own. */
const openStore = (schema: string) => postgresStore(`pglite:${join(folder.path, 'postgres')}`, { schema })

async function main(): Promise<void> {
  // Opened first, so that a wrong path is noticed at once.
  const input = file ? await jsonLines(file.path, file.shown) : ((await gitHistory()) ?? (await sample()))
  if (!existsSync(folder.path))
    print(style('dim', 'The first time, the embedded Postgres takes a few seconds …'))
  {
    await using concerts = openStore('story')
    await tellStory(concerts, folder.shown)
  }
  await using log = openStore(input.schema)
  // Done by itself at first use; here already, so that the import's time is the import's.
  await log.schema.create()
  const { read } = await importLog(log, input, interruption.signal)
  const events = await summarise(log, interruption.signal)
  if (events > read) print(`  Kept from an earlier version of this input: ${count(events - read, 'event')}\n`)
}

const sample = () => jsonLines(join(import.meta.dirname, 'sample.jsonl'), 'demo/sample.jsonl')

try {
  await main()
} catch (error) {
  if (interruption.signal.aborted) {
    process.stderr.write('\nStopped. What was imported stays, and the next run goes on from there.\n')
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
