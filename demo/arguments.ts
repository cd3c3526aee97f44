/** What the demo was asked to do. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

const usage = `Usage: npm run demo -- [FILE] [--data DIR]

A story told with events, and then a real log: imported, summarised, and looked at as of the past.

  FILE         a log in JSON Lines, plain or gzipped: one object a line with "stream", "type" and "data", and
               optionally "occurredAt" or "recordedAt" (ISO 8601), "id", "metadata" and "tags";
               any other property is kept as metadata.  Default: the git history of this clone
  --data DIR   where the embedded Postgres keeps its files.  Default: .demo
  --help       this text`

export interface Arguments {
  /** As it was given, and where it is. */
  readonly file: { readonly shown: string; readonly path: string } | undefined
  readonly folder: { readonly shown: string; readonly path: string }
}

/** Reads the arguments, or prints the usage and ends the process: 0 if it was asked for, 2 if they are wrong. */
export function readArguments(given: readonly string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...given],
      allowPositionals: true,
      options: { data: { type: 'string', default: '.demo' }, help: { type: 'boolean', short: 'h' } },
    })
    if (values.help) {
      process.stdout.write(`${usage}\n`)
      process.exit(0)
    }
    const [file, ...others] = positionals
    if (others.length > 0) throw new Error(`One FILE at a time, not ${positionals.length}`)
    if (values.data === '') throw new Error('--data needs the name of a folder')
    return { file: file === undefined ? undefined : place(file), folder: place(values.data) }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}\n`)
    process.exit(2)
  }
}

/** npm starts scripts in the package's folder; a path is meant from where npm was called. */
function place(shown: string) {
  const { npm_lifecycle_event: script, INIT_CWD: calledFrom } = process.env
  return { shown, path: resolve(script === 'demo' && calledFrom ? calledFrom : '.', shown) }
}
