/** The error for mistakes in the set-up of the modules. */

/**
 * The application is set up wrong: a store is missing, or two things have one name. Thrown while the application starts.
 * Its message says what to change.
 */
export class EventsourcedSetUpError extends Error {
  readonly code = 'nestjs-set-up'

  override get name(): string {
    return 'EventsourcedSetUpError'
  }
}

/** Returns the text of a wrong value for a message. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
