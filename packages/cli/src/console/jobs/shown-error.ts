/** What the page may see of the error of a job. */
import { EventSourcedError } from '@eventsourced/core'
import { NotRecordedError } from '../../audited.ts'
import type { ConsoleContext } from '../options.ts'
import { notRecorded } from '../problems.ts'
import { redactedText } from '../values/redaction.ts'

/** The words of a projection's own error, redacted. The words of the library may name hosts: the page gets the code. */
export function shownError(context: ConsoleContext, error: unknown, projection: string): string {
  if (error instanceof NotRecordedError) return notRecorded[error.outcome]
  if (error instanceof EventSourcedError) return `The store has failed: ${error.code}`
  const message = error instanceof Error ? error.message : String(error)
  return redactedText(context, message, { kind: 'error', source: projection, name: '' })
}
