/** The headers of a request, as the options of a command handler's call. */
import type { HandleOptions } from '../command/command-call.ts'
import { PreconditionRequiredError } from '../errors/index.ts'
import type { Metadata } from '../event.ts'
import { checkBoolean, checkText } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { refuse } from '../input/refusal.ts'
import { checkRequest } from './check-request.ts'
import { expectedVersionOf } from './entity-tag.ts'

/** The options of `commandOptions`. */
export interface CommandRequestOptions {
  /**
   * Who sends the request, for example the id of the authenticated user. It becomes a part of the command's id, so that
   * a client that guesses the Idempotency-Key of another client does not get the answer to that client's command.
   * @default none: the key alone identifies the command
   */
  readonly caller?: string | undefined
  /** Refuses a request without `If-Match` (or `If-None-Match: *`). @default false */
  readonly requirePrecondition?: boolean | undefined
  /** Refuses a request without `Idempotency-Key`. @default false */
  readonly requireIdempotencyKey?: boolean | undefined
  /** The header with the id of the whole business transaction. @default 'X-Correlation-Id' */
  readonly correlationHeader?: string | undefined
}

/** The part of a command handler's options that a request determines. */
export type RequestedCommand = Pick<HandleOptions, 'expectedVersion' | 'commandId' | 'metadata'>

/** The longest Idempotency-Key and correlation id, in characters. */
const longest = 255

/**
 * Reads the headers of a request into the options of a command handler's call: `If-Match: "7"` is the expected version 7,
 * `If-Match: *` is 'streamExists', and `If-None-Match: *` is 'noStream'; `Idempotency-Key: k` makes the command's id `http k`;
 * `traceparent` and `X-Correlation-Id` are metadata of its events.
 *
 * The result has no `signal`: a command that has begun ends, even if the client does not wait for it.
 * @throws InvalidInputError if a header has a wrong form, or is given twice
 * @throws PreconditionRequiredError if a condition is required and missing
 */
export function commandOptions(request: Request, options?: CommandRequestOptions): RequestedCommand {
  const { caller, requirePrecondition, requireIdempotencyKey, correlationHeader } = checkedOptions(options)
  checkRequest(request)
  const expectedVersion = expectedVersionOf(request)
  if (expectedVersion === undefined && requirePrecondition) throw new PreconditionRequiredError()
  const key = idempotencyKey(request)
  if (key === undefined && requireIdempotencyKey) {
    refuse('Idempotency-Key', 'must be sent: this route handles each command once', key)
  }
  // A client must not be able to take the id of a command that the program itself sends. A key has no space, so two callers
  // never share an id either.
  const commandId =
    key === undefined ? undefined : ['http', ...(caller === undefined ? [] : [caller]), key].join(' ')
  return {
    ...(expectedVersion !== undefined && { expectedVersion }),
    ...(commandId !== undefined && { commandId }),
    metadata: metadataOf(request, correlationHeader),
  }
}

function checkedOptions(options: CommandRequestOptions | undefined) {
  const {
    caller,
    requirePrecondition = false,
    requireIdempotencyKey = false,
    correlationHeader = 'X-Correlation-Id',
  } = optionsOf(options, ['caller', 'requirePrecondition', 'requireIdempotencyKey', 'correlationHeader'])
  if (caller !== undefined) checkText(caller, 'caller')
  // It is what a missing user looks like. All clients without a user would share their keys.
  if (caller === '') refuse('caller', 'must not be empty', caller)
  checkBoolean(requirePrecondition, 'requirePrecondition')
  checkBoolean(requireIdempotencyKey, 'requireIdempotencyKey')
  checkText(correlationHeader, 'correlationHeader')
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(correlationHeader)) {
    refuse('correlationHeader', 'must be the name of a header', correlationHeader)
  }
  return { caller, requirePrecondition, requireIdempotencyKey, correlationHeader }
}

/** The draft of the IETF puts the key into double quotes; Stripe and others do not. Both mean the same key. */
function idempotencyKey(request: Request): string | undefined {
  const header = request.headers.get('idempotency-key')?.trim()
  if (header === undefined) return undefined
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header
  checkToken(key, 'Idempotency-Key', header)
  return key
}

function metadataOf(request: Request, correlationHeader: string): Metadata {
  const correlationId = request.headers.get(correlationHeader)?.trim()
  if (correlationId !== undefined) checkToken(correlationId, correlationHeader, correlationId)
  const traceparent = request.headers.get('traceparent')?.trim()
  return {
    ...(correlationId !== undefined && { correlationId }),
    ...(traceparent !== undefined && isTraceparent(traceparent) && { traceparent }),
  }
}

/** Servers join a header that is given twice by a comma, so text without commas was given once. */
function checkToken(value: string, header: string, received: string): void {
  if (value.length <= longest && /^[!#-+\--[\]-~]+$/.test(value)) return
  refuse(
    header,
    `must be sent once, and be 1 to ${longest} visible ASCII characters without quotes, commas and backslashes`,
    received,
  )
}

/**
 * Returns true for a trace context that the W3C specification allows. It demands that a receiver ignores any other value:
 * a broken tracer must not break the request.
 */
function isTraceparent(value: string): boolean {
  const [, version, traceId = '', parentId = '', more] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/.exec(value) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return false
  return value.length <= longest && /[^0]/.test(traceId) && /[^0]/.test(parentId)
}
