/** Errors of HTTP requests. */
import { EventSourcedError } from './base.ts'

/**
 * The request changes a resource and names no version of it, but the route requires one. Nothing was done. Without the
 * version, the request could overwrite a change that the client has not seen.
 */
export class PreconditionRequiredError extends EventSourcedError {
  readonly code = 'precondition-required'
  constructor() {
    super(
      'The request has no If-Match header, and this route requires one: read the resource, and send its ETag in If-Match (or `If-None-Match: *` to create it)',
    )
  }
}

/** A body parser of the web framework read the body of the request before the handler, and the handler cannot restore it. */
export class BodyAlreadyReadError extends EventSourcedError {
  readonly code = 'body-already-read'
  /** The content type of the request; empty if it has none. */
  readonly contentType: string
  constructor(contentType: string, options?: ErrorOptions) {
    super(
      `A body parser has read the body of the request (content type '${contentType}') before the handler: mount the handler before that parser, or let the parser leave this content type alone. Only JSON, text and raw bytes can be restored`,
      options,
    )
    this.contentType = contentType
  }
}
