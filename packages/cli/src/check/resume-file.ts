/**
 * The file of `check --resume`: how far an interrupted check has come, on which log, and with which catalogue.
 *
 *     no file ──▶ begins ──▶ the file is written every second ──▶ complete: removed
 *                   ▲                       │
 *                   └────── repeated ◀── interrupted
 */
import { createHash } from 'node:crypto'
import { access, constants, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Catalogue, type CheckResult, hasCode, type RecordedEvent } from '@eventsourced/core'
import type { CommandContext } from '../context.ts'
import { textOf, wrongUsage } from '../failure.ts'

const pauseBetweenWrites = 1_000
const format = 'eventsourced check 1'

/** The content of the file, as JSON. */
interface Mark {
  readonly format: typeof format
  /** The id of the event at the position of the result. Another store has another event there. */
  readonly eventId: string
  /** A digest of the names, versions and schemas of the catalogue. */
  readonly catalogue: string
  readonly result: CheckResult
}

export class ResumeFile {
  readonly #file: string
  readonly #catalogue: string
  #latest: Mark | undefined
  #isWritten = true
  #lastWrite = Number.NEGATIVE_INFINITY

  constructor(file: string, catalogue: Catalogue) {
    this.#file = file
    this.#catalogue = digestOf(catalogue)
  }

  /**
   * Returns the result from which the check continues; undefined if there is no file.
   * @throws CommandFailure if the file belongs to another check, or cannot be written
   */
  async read({ store, signal }: CommandContext, after: number): Promise<CheckResult | undefined> {
    const text = await this.#text()
    if (text === undefined) return undefined
    const mark = asMark(text)
    if (mark === undefined)
      throw wrongUsage(`'${this.#file}' is not the state of an interrupted check. Name another file`)
    const { result, eventId, catalogue } = mark
    const again = `remove '${this.#file}' to check from the beginning`
    if ((await idAt(store, result.position, signal)) !== eventId) {
      throw wrongUsage(
        `The check in '${this.#file}' has read another store: the event at position ${result.position} has another id there. Name the store of that check, or ${again}`,
      )
    }
    if (catalogue !== this.#catalogue) {
      throw wrongUsage(
        `The catalogue has changed since the check in '${this.#file}' was interrupted, so its counts are those of another catalogue: ${again}`,
      )
    }
    if (result.after !== after) {
      const option = result.after === 0 ? 'without --after' : `with --after ${result.after}`
      throw wrongUsage(`The check in '${this.#file}' began ${option}. Repeat it so, or ${again}`)
    }
    return result
  }

  /** Notes how far the check has come, and writes it now and then. `last`: the event at the position of the result. */
  async note(result: CheckResult, last: RecordedEvent | undefined): Promise<void> {
    // A check that has read no event yet has nothing to resume.
    if (last === undefined || last.position !== result.position) return
    this.#latest = { format, eventId: last.id, catalogue: this.#catalogue, result }
    this.#isWritten = false
    if (performance.now() - this.#lastWrite >= pauseBetweenWrites) await this.write()
  }

  /** Writes what was noted last. Returns its position; undefined if the check has not come far enough to be resumed. */
  async write(): Promise<number | undefined> {
    if (!this.#isWritten) {
      // A process that is killed here leaves the old file or the new one, never half of one.
      await writeFile(`${this.#file}.new`, JSON.stringify(this.#latest))
      await rename(`${this.#file}.new`, this.#file)
      this.#isWritten = true
      this.#lastWrite = performance.now()
    }
    return this.#latest?.result.position
  }

  /** The check is complete. The next one begins at the beginning. */
  async remove(): Promise<void> {
    for (const file of [this.#file, `${this.#file}.new`]) await rm(file, { force: true })
  }

  async #text(): Promise<string | undefined> {
    try {
      await access(dirname(this.#file), constants.W_OK)
      return await readFile(this.#file, 'utf8')
    } catch (error) {
      const { code, path } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' && path === this.#file) return undefined
      throw wrongUsage(`'${this.#file}' cannot keep the state of the check: ${textOf(error)}`)
    }
  }
}

function asMark(text: string): Mark | undefined {
  try {
    const mark = JSON.parse(text) as Mark | null
    return mark?.format === format && Number.isSafeInteger(mark.result?.position) ? mark : undefined
  } catch {
    return undefined
  }
}

/** Returns the id of the event at a position; undefined if the log has none there. */
async function idAt(
  store: CommandContext['store'],
  position: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const after = Math.max(0, position - 1)
    for await (const event of store.raw.readAll({ after, limit: 1, signal }))
      return event.position === position ? event.id : undefined
    return undefined
  } catch (error) {
    if (hasCode(error, 'log-truncated')) return undefined
    throw error
  }
}

/** The code of an upcast is not part of it: a function has no text that compilers leave as it is. */
function digestOf(catalogue: Catalogue): string {
  const schemas = catalogue.jsonSchema({ base: 'https://catalogue.invalid/' })
  return createHash('sha256').update(JSON.stringify(schemas)).digest('hex')
}
