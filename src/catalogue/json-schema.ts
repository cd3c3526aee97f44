/** Describes the data of events as JSON Schema, as far as the schema library of the user can. */
import { reasonOf } from '../errors/base.ts'
import { checkOneOf } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { refuse } from '../input/refusal.ts'
import type { KnownEvent, KnownEvents } from './known-events.ts'
import { checkUriBase } from './uri.ts'

/** A JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** The versions of JSON Schema that schema libraries can write. */
type JsonSchemaTarget = 'draft-2020-12' | 'draft-07'

/** The options of `catalogue.jsonSchema`. */
export interface JsonSchemaOptions {
  /** The version of JSON Schema. @default 'draft-2020-12' */
  readonly target?: JsonSchemaTarget | undefined
  /**
   * The absolute URI under which you publish the schemas. Each schema gets an `$id` below it, such as
   * `https://example.org/events/OrderPlaced/2`, which is also the `dataschema` of `cloudEvent`. @default no `$id`
   */
  readonly base?: string | undefined
}

const dialects: Readonly<Record<JsonSchemaTarget, string>> = {
  'draft-2020-12': 'https://json-schema.org/draft/2020-12/schema',
  'draft-07': 'http://json-schema.org/draft-07/schema#',
}

/** Returns the schemas of these events by type. @throws InvalidInputError */
export function dataSchemas(
  known: KnownEvents,
  types: readonly string[],
  options: JsonSchemaOptions | undefined,
): Readonly<Record<string, JsonSchema>> {
  const { target = 'draft-2020-12', base } = optionsOf(options, ['target', 'base'])
  checkOneOf(target, 'target', Object.keys(dialects))
  if (base !== undefined) checkUriBase(base, 'base')
  return Object.fromEntries(
    describedEvents(known, types).map((event) => [event.type, dataSchema(event, target, base)]),
  )
}

/** Returns the events with these types. @throws InvalidInputError if only the compiler knows them */
export function describedEvents(known: KnownEvents, types: readonly string[]): readonly KnownEvent[] {
  if (known.isOpen)
    refuse(
      'catalogue',
      'must have schemas: only the compiler knows its events',
      'defineEvents() without schemas',
    )
  return types.map((type) => known.events.get(type) as KnownEvent)
}

/** Returns the schema of today's data of an event. If it cannot be described, allows everything and says why. */
export function dataSchema(
  event: KnownEvent,
  target: JsonSchemaTarget,
  base: string | undefined,
): JsonSchema {
  const id = base === undefined ? {} : { $id: schemaUri(base, event) }
  return { $schema: dialects[target], ...id, ...described(event, target) }
}

/** Returns the URI of the schema of an event's data in its version of today. */
export function schemaUri(base: string, { type, version }: Pick<KnownEvent, 'type' | 'version'>): string {
  return `${base.endsWith('/') ? base : `${base}/`}${encodeURIComponent(type)}/${version}`
}

function described({ type, schema }: KnownEvent, target: JsonSchemaTarget): JsonSchema {
  if (schema === undefined) return undescribed(type, 'only the compiler knows its type')
  const { jsonSchema, vendor } = schema['~standard']
  if (typeof jsonSchema?.output !== 'function')
    return undescribed(type, `the schema (of ${vendor}) has no '~standard'.jsonSchema`)
  try {
    const output: unknown = jsonSchema.output({ target })
    if (typeof output === 'object' && output !== null && !Array.isArray(output)) return { ...output }
    return undescribed(type, `the schema (of ${vendor}) returned no JSON Schema`)
  } catch (error) {
    return undescribed(type, `the schema (of ${vendor}) cannot be written as JSON Schema: ${reasonOf(error)}`)
  }
}

/** A schema that allows every value, with a note. */
function undescribed(type: string, reason: string): JsonSchema {
  return { $comment: `The data of '${type}' is not described: ${reason}` }
}
