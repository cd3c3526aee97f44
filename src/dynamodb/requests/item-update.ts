/** Builds updates of items. Each attribute gets a placeholder, because many plain words are reserved in DynamoDB. */

import type { Key } from '../keys.ts'
import type { Attribute } from './attributes.ts'

export interface UpdateOf {
  readonly set?: Readonly<Record<string, Attribute>>
  readonly add?: Readonly<Record<string, Attribute>>
  readonly remove?: readonly string[]
  /** Each attribute must have this value; undefined: it must not exist. */
  readonly where: Readonly<Record<string, Attribute | undefined>>
}

export interface ItemUpdate {
  readonly Key: Key
  readonly UpdateExpression: string
  readonly ConditionExpression: string
  readonly ExpressionAttributeNames: Readonly<Record<string, string>>
  readonly ExpressionAttributeValues?: Readonly<Record<string, Attribute>>
}

/** Returns the input of an `UpdateItem`, without the table. The item must exist. */
export function updateOf(key: Key, { set = {}, add = {}, remove = [], where }: UpdateOf): ItemUpdate {
  const names: Record<string, string> = {}
  const values: Record<string, Attribute> = {}
  const name = (attribute: string) => {
    names[`#${attribute}`] = attribute
    return `#${attribute}`
  }
  const assign = (prefix: string, attribute: string, value: Attribute) => {
    values[`:${prefix}_${attribute}`] = value
    return `:${prefix}_${attribute}`
  }
  const sets = Object.entries(set).map(([at, value]) => `${name(at)} = ${assign('set', at, value)}`)
  const adds = Object.entries(add).map(([at, value]) => `${name(at)} ${assign('add', at, value)}`)
  const removes = remove.map(name)
  const clauses = [
    ...(sets.length > 0 ? [`SET ${sets.join(', ')}`] : []),
    ...(adds.length > 0 ? [`ADD ${adds.join(', ')}`] : []),
    ...(removes.length > 0 ? [`REMOVE ${removes.join(', ')}`] : []),
  ]
  const conditions = Object.entries(where).map(([at, value]) =>
    value === undefined ? `attribute_not_exists(${name(at)})` : `${name(at)} = ${assign('where', at, value)}`,
  )
  return {
    Key: key,
    UpdateExpression: clauses.join(' '),
    ConditionExpression: ['attribute_exists(p)', ...conditions].join(' AND '),
    ExpressionAttributeNames: names,
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  }
}
