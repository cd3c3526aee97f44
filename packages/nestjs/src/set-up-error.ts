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
