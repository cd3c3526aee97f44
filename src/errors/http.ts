/** Errors of HTTP requests. */
import { EventSourcedError } from './base.ts'
import { type EventIssue, pathText } from './catalogue.ts'

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
      `The body of the request (content type '${contentType}') was read before. In a route, call jsonBody once, and nothing else that reads the body. Behind a body parser of Express or Fastify, only JSON, text and raw bytes can be restored: mount the handler before the parser, or let the parser leave this content type alone`,
      options,
    )
    this.contentType = contentType
  }
}

/** The body of the request has more bytes than the route accepts. */
export class BodyTooLargeError extends EventSourcedError {
  readonly code = 'body-too-large'
  /** The most bytes that the route accepts. */
  readonly most: number
  constructor(most: number) {
    super(`The body of the request has more than ${most} bytes, which is the most that this route accepts`)
    this.most = most
  }
}

/** The body of the request does not fit the schema of the route. `issues` has all reasons. */
export class InvalidBodyError extends EventSourcedError {
  readonly code = 'invalid-body'
  /** All reasons; each `path` begins with `body`, such as `['body', 'nights', 0]`. */
  readonly issues: readonly EventIssue[]
  constructor(issues: readonly EventIssue[]) {
    const lines = issues.slice(0, 10).map(({ path, message }) => `${pathText(path)}: ${message}`)
    if (issues.length > 10) lines.push(`and ${issues.length - 10} more`)
    super(['The body of the request does not fit the schema of the route:', ...lines].join('\n  '))
    this.issues = issues
  }
}
