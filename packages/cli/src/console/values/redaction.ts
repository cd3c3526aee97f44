/** Passes every value through the user's redaction before it leaves the console. A value that it fails on never leaves. */
import { type Json, jsonOf } from '../../json-of.ts'
import type { ConsoleContext, RedactedValue } from '../options.ts'

/** What the page gets instead of a value that the redaction failed on. */
const redactionFailed = { $redaction: 'failed' }

type Redaction = Pick<ConsoleContext, 'redact'>

/** Returns what the page may see of a value, as JSON. */
export function redacted({ redact }: Redaction, value: unknown, of: RedactedValue): Json {
  try {
    const allowed = redact(jsonOf(value), of)
    // A promise would be shown as an empty object, and nobody would hear of its failure.
    if (!(allowed instanceof Promise)) return jsonOf(allowed)
    allowed.catch(() => {})
    return redactionFailed
  } catch {
    return redactionFailed
  }
}

/** Returns what the page may see of metadata. They stay an object. */
export function redactedRecord(
  context: Redaction,
  value: unknown,
  of: RedactedValue,
): Record<string, unknown> {
  const allowed = redacted(context, value, of)
  if (allowed === null) return {}
  return typeof allowed === 'object' && !Array.isArray(allowed) ? { ...allowed } : { $redacted: allowed }
}

/** Returns what the page may see of the text of an error. It stays a text. */
export function redactedText(context: Redaction, text: string, of: RedactedValue): string {
  const allowed = redacted(context, text, of)
  return typeof allowed === 'string' ? allowed : JSON.stringify(allowed)
}
