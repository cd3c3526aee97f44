/** The answer for a resource that does not exist. */
import { type ProblemDetails, problemResponse } from './problem-response.ts'

/** Answers 404 with a problem of the type `about:blank`. @default detail 'There is no such resource' */
export function notFound(detail = 'There is no such resource'): Response {
  const details: ProblemDetails = { status: 404, detail }
  return problemResponse(details)
}
