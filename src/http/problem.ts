/** Turns errors into problem details (RFC 9457). */
import { type ErrorCode, hasCode, type KnownError } from '../errors/index.ts'
import { checkFunction, checkText } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { checkRequest } from './check-request.ts'
import { entityTag, expectedVersionOf } from './entity-tag.ts'
import { fault, type ProblemKind, problemKinds } from './problem-kinds.ts'
import { type ProblemDetails, problemResponse } from './problem-response.ts'

/** The options of `problem`. */
export interface ProblemOptions {
  /**
   * Returns the problem of an error of your own, such as a refusal of a decider, or `undefined` for other errors. It is
   * asked first, so it may also replace the problem of an error of the library. @default none
   */
  readonly problems?: ((error: unknown) => ProblemDetails | undefined) | undefined
  /**
   * The page that explains the codes. The `type` of a problem is this address, `#`, and the code.
   * @default the page docs/errors.md in the repository of the library
   */
  readonly errorsPage?: string | undefined
}

const defaultPage = 'https://github.com/eventsourced/core/blob/main/docs/errors.md'

/**
 * Answers with an error as `application/problem+json`. An error of the library has the status, the `code` and the facts
 * that `docs/http.md` lists. Any other error is a 500 without details: no message, no stack, no SQL. Report it yourself;
 * `withProblems` does.
 * @param request decides whether a wrong version is 412 (the request has named the version) or 409
 * @throws InvalidInputError if `request` is no request, an option is wrong, or `problems` returns a `status` below 400 or above 599
 */
export function problem(error: unknown, request?: Request, options?: ProblemOptions): Response {
  const { problems, errorsPage = defaultPage } = checkedProblemOptions(options)
  if (request !== undefined) checkRequest(request)
  const own = problems?.(error)
  if (own !== undefined) return problemResponse(own)
  // No client waits for this answer. It is no 5xx, because such an answer would count as a failure of the server.
  if (request?.signal?.aborted && error === request.signal.reason) {
    return problemResponse({ status: 499, title: 'Client Closed Request' })
  }
  const known = knownError(error)
  const kind = known === undefined ? fault : kindOf(known)
  if (known === undefined || kind === fault) return problemResponse({ status: 500 })

  const { code } = known
  const headers: Record<string, string> = {}
  if (kind.retryAfter !== undefined) headers['Retry-After'] = String(kind.retryAfter)
  let { status } = kind
  if (hasCode(known, 'wrong-expected-version') && isCondition(request, known.expected)) {
    status = 412
    if (known.actual > 0) headers.ETag = entityTag(known.actual)
  }
  const { title, detail, facts } = kind
  const type = `${errorsPage}#${code}`
  return problemResponse({ type, title, status, detail: detail(known), code, ...facts?.(known), headers })
}

/** Checks the options of `problem`, and returns them. @throws InvalidInputError */
export function checkedProblemOptions(options: ProblemOptions | undefined): ProblemOptions {
  const checked = optionsOf(options, ['problems', 'errorsPage'])
  const { problems, errorsPage } = checked
  if (problems !== undefined) checkFunction(problems, 'problems')
  if (errorsPage !== undefined) checkText(errorsPage, 'errorsPage')
  return checked
}

/** Returns the error if it is one of this library, from any installed copy. */
function knownError(error: unknown): KnownError | undefined {
  const codes = Object.keys(problemKinds) as ErrorCode[]
  return codes.some((code) => hasCode(error, code)) ? (error as KnownError) : undefined
}

function kindOf(error: KnownError): ProblemKind<KnownError> | typeof fault {
  // The compiler cannot see that the kind belongs to the error of the same code.
  const kind = problemKinds[error.code] as Chosen | ((error: KnownError) => Chosen)
  return typeof kind === 'function' ? kind(error) : kind
}

type Chosen = ProblemKind<KnownError> | typeof fault

/** Returns true if the request has named this expectation, in `If-Match` or `If-None-Match`. */
function isCondition(request: Request | undefined, expected: unknown): boolean {
  if (request === undefined) return false
  try {
    return expectedVersionOf(request) === expected
  } catch {
    // A condition of a wrong form: the route did not read it.
    return false
  }
}
