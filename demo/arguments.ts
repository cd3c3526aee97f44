/** Reads the command line of the demo. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

const usage = `Usage: npm run demo -- [FILE] [--data DIR]

Tells a story with events. Then imports a real log, summarises it, and shows its past.

  FILE         a log in JSON Lines, plain or gzipped: one object a line with "stream", "type" and "data", and
               optionally "occurredAt" or "recordedAt" (ISO 8601), "id", "metadata" and "tags";
               the demo keeps any other property as metadata.  Default: the git history of this clone
  --data DIR   the folder for the files of the embedded Postgres.  Default: .demo
  --help       this text`

export interface Arguments {
  /** `shown`: the path as the user wrote it. `path`: the absolute path. */
  readonly file: { readonly shown: string; readonly path: string } | undefined
  readonly folder: { readonly shown: string; readonly path: string }
}

/** Reads the arguments. Prints the usage and ends the process with code 0 for `--help`, and with 2 if one is wrong. */
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
    return { file: file === undefined ? undefined : resolvePath(file), folder: resolvePath(values.data) }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}\n`)
    process.exit(2)
  }
}

/** Resolves a path from the folder in which the user called npm: npm starts scripts in the package's folder. */
function resolvePath(shown: string) {
  const { npm_lifecycle_event: script, INIT_CWD: calledFrom } = process.env
  return { shown, path: resolve(script === 'demo' && calledFrom ? calledFrom : '.', shown) }
}
