/** The refusals of the hotel, and their answers over HTTP. */
import type { ProblemDetails } from '@eventsourced/core/http'

/** A rule of the hotel refuses a command. */
export class Refusal extends Error {
  readonly reason: string

  constructor(reason: string, message: string) {
    super(message)
    this.reason = reason
  }
}

/** The answer of the HTTP API to a refusal; `undefined` for any other error. */
export function problemOf(error: unknown): ProblemDetails | undefined {
  if (!(error instanceof Refusal)) return undefined
  const { reason: code, message: detail } = error
  return { status: code.startsWith('no-such') ? 404 : 409, code, detail }
}
