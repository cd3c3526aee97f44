/** The command that opens the console on what the demo has made. */
import { relative, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')

/**
 * Returns the command. `folder`: of the embedded Postgres. npm starts it in the folder of this package, so a path is relative
 * to that one, unless it leads out of it.
 */
export function consoleCommand(folder: string, schema: string): string {
  const path = relative(root, folder)
  const place = path.startsWith('..') ? folder : path
  return `npm run console -- --url ${quoted(`pglite:${place}?schema=${schema}`)}`
}

/** A shell would read `?` and spaces. */
const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`
