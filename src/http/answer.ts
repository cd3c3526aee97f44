/** Answers with a state: of a handled command, of a folded stream, or of a document. */
import type { Recorded } from '../event.ts'
import { checkInteger, checkText } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import { checkRequest } from './check-request.ts'
import { entityTag, isNotModified } from './entity-tag.ts'
import { notFound } from './not-found.ts'

/** What `answer` shows: the result of a command handler, of `foldStream`, or of a view's `get`. */
export interface Answerable {
  readonly state: unknown
  /** The version of the stream; the ETag of the answer. */
  readonly version?: number | undefined
  /** The position of the last event; the header `Position` of the answer. */
  readonly position?: number | undefined
  /** False if the stream does not exist. */
  readonly exists?: boolean | undefined
  /** The events that a command caused. */
  readonly events?: readonly Pick<Recorded, 'version'>[] | undefined
}

/** The options of `answer`. */
export interface AnswerOptions {
  /** The request. If it is a GET whose `If-None-Match` has the present version, the answer is 304. @default none */
  readonly request?: Request | undefined
  /**
   * The address of the stream that the command creates. If the command's events begin the stream, the answer is 201 with
   * this `Location`; characters that a header does not take are percent-encoded. @default none
   */
  readonly location?: string | undefined
  /** The status of the answer, from 200 to 299. @default 201 if the command created what `location` names, otherwise 200 */
  readonly status?: number | undefined
  /** More headers. They replace the ones that `answer` sets. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A Response with a body refuses these. */
const withoutBody = [204, 205]

/**
 * Answers with a state as JSON, its version as `ETag`, and its position as `Position`. A repeated command gets the same
 * status as the first time, and the present state. Answers 404 for `undefined` (no document), and for a stream that does
 * not exist.
 * @throws InvalidInputError if `result` has no state, or an option is wrong
 */
export function answer(result: Answerable | undefined, options?: AnswerOptions): Response {
  const { request, location, status, headers: more = {} } = checkedOptions(options)
  if (result === undefined) return notFound()
  readSafely('result', result, () => {
    if (typeof result === 'object' && result !== null && 'state' in result) return
    refuse('result', 'must be the result of a command handler, of foldStream, or of a view', result)
  })
  const { state, version, position, exists, events } = result
  if (exists === false) return notFound()

  const headers = new Headers()
  if (version !== undefined) headers.set('ETag', entityTag(version))
  if (position !== undefined) headers.set('Position', String(position))
  const isCreated = location !== undefined && events?.[0]?.version === 1
  if (isCreated) headers.set('Location', encoded(location))
  for (const [name, value] of Object.entries(more)) headers.set(name, value)
  const tag = headers.get('ETag')
  if (request !== undefined && tag !== null && isNotModified(request, tag)) {
    return new Response(null, { status: 304, headers })
  }
  const init = { status: status ?? (isCreated ? 201 : 200), headers }
  if (withoutBody.includes(init.status)) return new Response(null, init)
  if (!headers.has('Content-Type')) headers.set('Content-Type', 'application/json')
  return new Response(JSON.stringify(state) ?? 'null', init)
}

/** Routers decode parameters, and a header takes no `ü` and no line break. The command is recorded: it must not fail now. */
function encoded(location: string): string {
  return location.replace(/[^!-~]+/g, encodeURIComponent)
}

function checkedOptions(options: AnswerOptions | undefined): AnswerOptions {
  const checked = optionsOf(options, ['request', 'location', 'status', 'headers'])
  const { request, location, status, headers } = checked
  if (request !== undefined) checkRequest(request)
  if (location !== undefined) checkText(location, 'location')
  if (status !== undefined) checkInteger(status, 'status', 200, 299)
  if (headers !== undefined) checkHeaders(headers)
  return checked
}

function checkHeaders(headers: unknown): void {
  readSafely('headers', headers, () => {
    if (typeof headers !== 'object' || headers === null) refuse('headers', 'must be an object', headers)
    try {
      new Headers(headers as Record<string, string>)
    } catch {
      refuse('headers', 'must be names and values of headers', headers)
    }
  })
}
