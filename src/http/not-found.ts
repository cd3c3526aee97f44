/** The answer for a resource that does not exist. */
import { checkText } from '../input/checks.ts'
import { problemResponse } from './problem-response.ts'

/**
 * Answers 404 with a problem of the type `about:blank`.
 * @param detail what is missing @default 'There is no such resource'
 */
export function notFound(detail = 'There is no such resource'): Response {
  checkText(detail, 'detail')
  return problemResponse({ status: 404, detail })
}
