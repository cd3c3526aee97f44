/** Checks that a handler has returned a response. */
import { beginning } from '../input/refusal.ts'

/**
 * Checks for what the library uses of a response, because servers bring classes of their own. The program has made the
 * mistake, so the error is no InvalidInputError, which would be answered as a mistake of the client.
 * @throws TypeError
 */
export function checkResponse(value: unknown): asserts value is Response {
  const { status, headers } = (value ?? {}) as Partial<Response>
  if (typeof status === 'number' && typeof headers?.get === 'function') return
  throw new TypeError(
    `The handler of a request must return a Response, such as the result of answer(…), and returned ${beginning(value)}`,
  )
}
