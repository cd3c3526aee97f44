/** What a request names does not exist. It is answered with 404. */
export class NotFound extends Error {
  readonly code = 'not-found'

  override get name(): string {
    return 'NotFound'
  }
}
