/** Checks the URIs in descriptions of events. */
import { checkText } from '../input/checks.ts'
import { refuse } from '../input/refusal.ts'

/** RFC 3986: the characters of URIs, and a percent sign only before two hexadecimal digits. */
const characters = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/

/** Accepts an absolute or a relative URI. @throws InvalidInputError */
export function checkUriReference(value: unknown, field: string): asserts value is string {
  checkText(value, field)
  if (!characters.test(value))
    refuse(field, 'must be a URI, such as https://example.org/orders or /orders', value)
}

/** Accepts an absolute URI to which a path can be added. @throws InvalidInputError */
export function checkUriBase(value: unknown, field: string): asserts value is string {
  checkText(value, field)
  if (!characters.test(value) || !/^[A-Za-z][A-Za-z0-9+.-]*:[^?#]+$/.test(value))
    refuse(field, 'must be an absolute URI without ? and #, such as https://example.org/events', value)
}
