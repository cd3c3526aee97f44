/** Answers with problem details (RFC 9457) to what a route throws. The answer has nothing that only the operators may see. */
import { hasCode } from '@eventsourced/core'
import { type ProblemDetails, problem } from '@eventsourced/core/http'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { ZodError } from 'zod'
import { NotRecordedError } from '../audited.ts'
import { libraryCodeOf } from './library-code.ts'
import type { ConsoleContext } from './options.ts'
import { Refusal } from './refusal.ts'
import { NotFound } from './routes/not-found.ts'

const errorsPage = 'https://github.com/eventsourced/core/blob/main/docs/errors.md'

/** Returns the error handler of the console. `onError` receives each error whose answer does not tell it. */
export function problemsOf(context: ConsoleContext): (error: Error, c: Context) => Response {
  return (error, c) => {
    const request = c.req.raw
    const answer = problem(error, request, { problems: (thrown) => ownProblem(thrown, request, context) })
    if (answer.status >= 500) report(error, request, context)
    return answer
  }
}

/** The problem of an error that is none of the library, or that the library answers without a code. */
function ownProblem(
  error: unknown,
  request: Request,
  { closing, timeout }: ConsoleContext,
): ProblemDetails | undefined {
  if (error instanceof Refusal) {
    const { status, code, title, message, headers } = error
    return { status, code, title, detail: message, headers }
  }
  if (error instanceof NotFound) {
    return { status: 404, code: 'not-found', title: 'Not found', detail: error.message }
  }
  if (error instanceof NotRecordedError) {
    if (hasCode(error.cause, 'invalid-input') && error.cause.field === 'entry.target') {
      const detail = 'No subscription or projection can have this name. Nothing was changed.'
      return { status: 400, code: 'invalid-input', title: 'Invalid input', detail }
    }
    const status = error.outcome === 'not begun' ? 503 : 500
    return { status, code: 'not-recorded', title: 'Not recorded', detail: notRecorded[error.outcome] }
  }
  if (error instanceof ZodError) {
    return { status: 400, code: 'invalid-input', title: 'Invalid input', detail: issuesOf(error) }
  }
  if (error instanceof HTTPException) {
    return { status: error.status, code: 'bad-request', title: 'Bad request', detail: error.message }
  }
  if (request.signal.aborted) {
    return {
      status: 499,
      code: 'client-closed',
      title: 'Client closed request',
      detail: 'The client has left.',
    }
  }
  if (closing.aborted) {
    const detail = 'The console is ending. Start it again, and repeat the request.'
    return { status: 503, code: 'console-closed', title: 'Shutting down', detail }
  }
  if (isTimeout(error)) {
    const detail = `The database did not answer within ${timeout} ms.${warningOf(request)}`
    return { status: 504, code: 'timeout', title: 'No answer in time', detail }
  }
  if (hasCode(error, 'store-unavailable')) {
    const detail = `The database does not answer.${warningOf(request)}`
    const type = `${errorsPage}#${error.code}`
    return { status: 503, type, code: error.code, title: 'Database unavailable', detail }
  }
  const code = libraryCodeOf(error)
  // As for a database that is away, the page tries again: it shows the store after a migration.
  if (code === 'schema-mismatch') {
    return {
      status: 503,
      type: `${errorsPage}#${code}`,
      code,
      title: 'Tables do not fit',
      detail: tablesDoNotFit,
    }
  }
  if (code !== undefined) return problem(error).status === 500 ? faultOf(code) : undefined
  return {
    status: 500,
    code: 'internal',
    title: 'The console has failed',
    detail: 'The process of the console has written the error to its log.',
  }
}

const tablesDoNotFit =
  'The tables of this store are missing, or do not fit this version of the library. `eventsourced migrate` creates and updates them; with --check it only says what is pending.'

/** Only an action can have changed something. */
function warningOf({ method }: Request): string {
  return method === 'GET' ? '' : ' A change may have been made: look before you repeat it.'
}

/** What the operator must know, without the words of the error: they may name hosts. */
export const notRecorded: Readonly<Record<NotRecordedError['outcome'], string>> = {
  'not begun': 'Nothing was changed, because the store cannot record who does it.',
  done: 'The action was done, but the store could not record that. Do not repeat it.',
  failed:
    'The action failed, and the store could not record that. A change may have been made: look before you repeat it.',
}

/** An operator may know what the library found, but its message can name hosts and data. */
function faultOf(code: string): ProblemDetails {
  return {
    status: 500,
    type: `${errorsPage}#${code}`,
    code,
    title: 'The store has failed',
    detail: `The error is '${code}'. The process of the console has written its message to its log.`,
  }
}

function issuesOf({ issues }: ZodError): string {
  return issues.map(({ path, message }) => `${path.map(String).join('.') || 'body'}: ${message}`).join('; ')
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')
}

/** A mistake of `onError` must not hide the answer. */
function report(error: unknown, request: Request, { onError }: ConsoleContext): void {
  try {
    onError(error, request)
  } catch (mistake) {
    globalThis.console.error(mistake, error)
  }
}
