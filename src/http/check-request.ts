/** Checks that a value is a request. */
import { readSafely, refuse } from '../input/refusal.ts'

/** Checks for what the library reads of a request, because servers bring classes of their own. @throws InvalidInputError */
export function checkRequest(value: unknown): asserts value is Request {
  readSafely('request', value, () => {
    const { method, url, headers } = (value ?? {}) as Partial<Request>
    if (typeof method === 'string' && typeof url === 'string' && typeof headers?.get === 'function') return
    refuse('request', 'must be a Request of fetch (in Hono, pass `c.req.raw`)', value)
  })
}
