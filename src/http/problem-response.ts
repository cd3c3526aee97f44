/** Problem details as a response (RFC 9457). */
import { checkInteger } from '../input/checks.ts'

/** The details of a problem. Further properties become members of the JSON object. */
export interface ProblemDetails {
  /** The HTTP status, from 400 to 599. */
  readonly status: number
  /** A URI that identifies the kind of problem. @default 'about:blank': the status says it all */
  readonly type?: string | undefined
  /** A short summary of the kind of problem. @default the usual phrase of the status */
  readonly title?: string | undefined
  /** What happened, and what the client can do. */
  readonly detail?: string | undefined
  /** Headers of the response, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly [member: string]: unknown
}

const phrases: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/** Returns the details as `application/problem+json`. @throws InvalidInputError if `status` is no status of an error */
export function problemResponse(details: ProblemDetails): Response {
  const { status, type = 'about:blank', title = phrases[status], detail, headers, ...members } = details
  checkInteger(status, 'status', 400, 599)
  const body = JSON.stringify({ type, title, status, detail, ...members })
  const all = new Headers(headers)
  all.set('Content-Type', 'application/problem+json')
  return new Response(body, { status, headers: all })
}
