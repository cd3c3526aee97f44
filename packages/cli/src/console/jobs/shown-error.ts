/** What the page may see of the error of a job. */
import { NotRecordedError } from '../../audited.ts'
import { libraryCodeOf } from '../library-code.ts'
import type { ConsoleContext } from '../options.ts'
import { notRecorded } from '../problems.ts'
import { redactedText } from '../values/redaction.ts'

/** The words of a projection's own error, redacted. The words of the library may name hosts: the page gets the code. */
export function shownError(context: ConsoleContext, error: unknown, projection: string): string {
  if (error instanceof NotRecordedError) return notRecorded[error.outcome]
  const code = libraryCodeOf(error)
  if (code !== undefined) return `The store has failed: ${code}`
  const message = error instanceof Error ? error.message : String(error)
  return redactedText(context, message, { kind: 'error', source: projection, name: '' })
}
