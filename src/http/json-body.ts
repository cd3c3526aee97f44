/** Reads the JSON body of a request: at most so many bytes, and of the shape that a schema says. */
import type { OutputOf, SchemaIssue, StandardSchema } from '../catalogue/standard-schema.ts'
import {
  BodyAlreadyReadError,
  BodyTooLargeError,
  InvalidBodyError,
  InvalidInputError,
} from '../errors/index.ts'
import { checkFunction, checkInteger } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import { checkRequest } from './check-request.ts'

// biome-ignore lint/suspicious/noExplicitAny: a schema of any type
type AnySchema = StandardSchema<any, any>

/** The options of `jsonBody`. */
export interface JsonBodyOptions<Schema extends AnySchema = AnySchema> {
  /** A schema of zod, Valibot, ArkType or another library that follows Standard Schema. @default any JSON */
  readonly schema?: Schema | undefined
  /** The most bytes that the body may have. @default 1,048,576 */
  readonly maxBytes?: number | undefined
}

/**
 * Returns the JSON body of a request, as the schema returns it; without a schema, returns an `unknown` value.
 * @throws InvalidInputError if the content type is not JSON, or the body is no JSON text
 * @throws BodyTooLargeError if the body has more than `maxBytes` bytes
 * @throws InvalidBodyError if the schema refuses the body
 * @throws BodyAlreadyReadError if the body was read before
 */
export async function jsonBody<Schema extends AnySchema = StandardSchema<unknown, unknown>>(
  request: Request,
  options?: JsonBodyOptions<Schema>,
): Promise<OutputOf<Schema>> {
  const { schema, maxBytes = 1_048_576 } = optionsOf(options, ['schema', 'maxBytes'])
  // Without this check, the body would not be validated.
  if (options !== undefined && '~standard' in options) {
    refuse('options', 'must be { schema }, not the schema', options)
  }
  checkInteger(maxBytes, 'maxBytes', 1)
  if (schema !== undefined) {
    readSafely('schema', schema, () =>
      checkFunction(schema['~standard']?.validate, "schema['~standard'].validate"),
    )
  }
  checkRequest(request)
  const contentType = request.headers.get('content-type') ?? ''
  // A form of another site can send text, but no JSON without asking the server first (CORS).
  if (!/^application\/([^;\s]+\+)?json\s*(;|$)/i.test(contentType)) {
    refuse('Content-Type', 'must be application/json', contentType)
  }
  if (request.bodyUsed || request.body?.locked) throw new BodyAlreadyReadError(contentType)
  const body = parsed(await textOf(request, maxBytes))
  return (schema === undefined ? body : await valid(schema, body)) as OutputOf<Schema>
}

async function textOf(request: Request, most: number): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const parts: string[] = []
  let bytes = 0
  const reader = request.body?.getReader()
  try {
    for (;;) {
      const value = await reader?.read().then(({ value }) => value, refuseIncomplete)
      if (value === undefined) break
      bytes += value.byteLength
      if (bytes > most) throw new BodyTooLargeError(most)
      parts.push(decoded(decoder, value))
    }
    return parts.join('') + decoded(decoder)
  } finally {
    // Without the rest of the body, if it is too large or no UTF-8.
    reader?.cancel().catch(() => {})
  }
}

/** The client has gone away, or its connection was cut. */
function refuseIncomplete(cause: unknown): never {
  throw new InvalidInputError('body', 'must arrive whole', 'a part of it', { cause })
}

function decoded(decoder: InstanceType<typeof TextDecoder>, bytes?: Uint8Array): string {
  try {
    return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true })
  } catch {
    refuse('body', 'must be UTF-8', bytes)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    refuse('body', 'must be JSON', text)
  }
}

async function valid(schema: AnySchema, body: unknown) {
  const result = await schema['~standard'].validate(body)
  if (result.issues === undefined) return result.value
  throw new InvalidBodyError(result.issues.map(issueOf))
}

function issueOf({ message, path = [] }: SchemaIssue) {
  const keys = path.map((key) => (typeof key === 'object' ? key.key : key))
  return { path: ['body', ...keys.map((key) => (typeof key === 'number' ? key : String(key)))], message }
}
