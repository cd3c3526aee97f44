/** Moves a JSON Schema into another document. */
import type { JsonSchema } from './json-schema.ts'

/** Keywords whose values are data of the user. A `$ref` in them is no reference. */
const dataKeywords = new Set(['const', 'default', 'enum', 'examples'])
/** Keywords whose values are objects of schemas, with names of the user. */
const namedSchemas = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
  'dependencies',
])

/** Returns the schema with its references to itself changed for its new place, such as `#/components/schemas/Name`. */
export function moved(schema: JsonSchema, place: string): JsonSchema {
  return movedSchema(schema, place) as JsonSchema
}

function movedSchema(schema: unknown, place: string): unknown {
  if (Array.isArray(schema)) return schema.map((one) => movedSchema(one, place))
  if (typeof schema !== 'object' || schema === null) return schema
  return mapValues(schema, (value, keyword) => {
    if (dataKeywords.has(keyword)) return value
    if (keyword === '$ref' && typeof value === 'string' && value.startsWith('#'))
      return place + value.slice(1)
    if (namedSchemas.has(keyword) && typeof value === 'object' && value !== null)
      return mapValues(value, (one) => movedSchema(one, place))
    return movedSchema(value, place)
  })
}

/** Keeps also a property named `__proto__`. */
function mapValues(object: object, change: (value: unknown, key: string) => unknown): object {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value, key)]))
}
