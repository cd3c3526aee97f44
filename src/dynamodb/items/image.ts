/** Reads the image of an item, in each of the forms in which AWS hands items to a program. */
import { InvalidInputError, readSafely, refuse } from '../../storage/index.ts'
import type { Attribute, Item } from '../requests/attributes.ts'

/**
 * The image of an item. Either DynamoDB JSON, as in a record of DynamoDB Streams, in an export to S3, and in an answer of
 * the SDK: `{ p: { S: 'S#order-1' }, … }`. Or plain, as `unmarshall` of `@aws-sdk/util-dynamodb` returns it:
 * `{ p: 'S#order-1', … }`.
 */
export type ItemImage = Readonly<Record<string, unknown>>

type AttributeType = 'text' | 'number' | 'bytes' | 'text or bytes' | 'boolean'

export type AttributeTypes = Readonly<Record<string, AttributeType>>

/** Returns the attributes of an image that `types` names. Throws an InvalidInputError if one has another type. */
export function itemOf(image: unknown, field: string, types: AttributeTypes): Item {
  return readSafely(field, image, () => {
    if (typeof image !== 'object' || image === null || Array.isArray(image)) {
      refuse(field, 'must be the image of an item', image)
    }
    const item: Record<string, Attribute> = {}
    const isPlain = typeof (image as ItemImage).p === 'string'
    for (const [name, type] of Object.entries(types)) {
      const value = (image as ItemImage)[name]
      if (value === undefined) continue
      const attribute = isPlain ? plainAttribute(value, type) : attributeOf(value, type)
      if (attribute === undefined) refuse(`${field}.${name}`, `must be a ${type}`, value)
      item[name] = attribute
    }
    return item
  })
}

/** Reads an attribute of DynamoDB JSON. */
function attributeOf(value: unknown, type: AttributeType): Attribute | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { S, N, B, BOOL } = value as Readonly<Record<string, unknown>>
  if (type.includes('text') && typeof S === 'string') return { S }
  if (type === 'number') return numberAttribute(N)
  if (type === 'boolean') return typeof BOOL === 'boolean' ? { BOOL } : undefined
  if (!type.includes('bytes')) return undefined
  return typeof B === 'string' ? { B: Buffer.from(B, 'base64') } : bytesAttribute(B)
}

function plainAttribute(value: unknown, type: AttributeType): Attribute | undefined {
  if (type.includes('text') && typeof value === 'string') return { S: value }
  if (type === 'number') return numberAttribute(value)
  if (type === 'boolean') return typeof value === 'boolean' ? { BOOL: value } : undefined
  return type.includes('bytes') ? bytesAttribute(value) : undefined
}

/** A number may be a string or a bigint too, or a `NumberValue` of the SDK, whose text is in `value`. */
function numberAttribute(value: unknown): Attribute | undefined {
  const inner = typeof value === 'object' && value !== null && 'value' in value ? value.value : value
  if (!['string', 'number', 'bigint'].includes(typeof inner) || inner === '') return undefined
  const number = Number(inner)
  return Number.isSafeInteger(number) ? { N: String(number) } : undefined
}

function bytesAttribute(value: unknown): Attribute | undefined {
  return value instanceof Uint8Array ? { B: value } : undefined
}

/** Runs the decoding of a body. Throws an InvalidInputError if the body is damaged. */
export function decoding<Value>(field: string, image: unknown, decode: () => Value): Value {
  try {
    return decode()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'schema-mismatch') throw error
    throw new InvalidInputError(field, 'must have a body that can be decoded', typeof image, { cause: error })
  }
}
