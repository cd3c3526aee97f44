/**
 * The items of documents: read consistently, and written only if they have not changed since they were read.
 *
 *     d, z   the state, and how it is compressed
 *     r      the revision
 *     o      the position of the event that changed the document last
 *     w      the number of writes of the item: the condition of the next write
 *     g      the first position of the append that wrote or read it last
 *     x      true for a deleted document
 *
 * A deleted document stays for a day. An append with an earlier slot may come later, and must see that it is
 * too late.
 */
import {
  type DocumentAddress,
  type DocumentChange,
  InvalidInputError,
  type StoredDocument,
} from '../../storage/index.ts'
import { decodeText, encodeText, maxBytesOfPart } from '../commits/commit-body.ts'
import { documentKey, type Tables } from '../keys.ts'
import { type Attribute, type Item, number, numberOf, sizeOf, textOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'

// DynamoDB then deletes the item within two days. No append takes as long as this.
const secondsToKeepDeleted = 86_400

export const addressName = ({ projection, generation, key }: DocumentAddress): string =>
  JSON.stringify([projection, generation, key])

const keyOf = ({ projection, generation, key }: DocumentAddress) => documentKey(projection, generation, key)

/** Reads the items of documents, in the order of the addresses. */
export async function readDocumentItems(
  connection: Connection,
  tables: Tables,
  addresses: readonly DocumentAddress[],
  signal?: AbortSignal,
): Promise<(Item | undefined)[]> {
  const keys = addresses.map(keyOf)
  const [one] = keys
  if (one === undefined) return []
  const subject = {
    doing: 'Reading documents',
    table: tables.log,
    key: keys.length === 1 ? one.p.S : `${keys.length} documents`,
  }
  if (keys.length === 1) return [await connection.get(subject, one, signal)]
  const items = await connection.batchGet(subject, keys, { consistent: true }, signal)
  const byKey = new Map(items.map((item) => [`${textOf(item, 'p')} ${textOf(item, 's')}`, item]))
  return keys.map(({ p, s }) => byKey.get(`${p.S} ${s.S}`))
}

/** Returns the document of an item; undefined if there is no item, or it is deleted. */
export function documentOf(item: Item | undefined): StoredDocument | undefined {
  if (item === undefined || item.x !== undefined) return undefined
  return {
    key: textOf(item, 's') as string,
    state: decodeText({ ...item, e: item.d as Attribute }),
    revision: numberOf(item, 'r') as number,
    position: numberOf(item, 'o') as number,
  }
}

/** A document's item as it was read; undefined if there was none. */
export interface KnownItem {
  readonly item: Item | undefined
}

export interface DocumentWrite {
  /** The update, for a transaction. */
  readonly update: { readonly Update: object }
  readonly size: number
}

/** The update that writes a document. With a known item, its condition is that the item has not changed. */
export function documentUpdate(
  tables: Tables,
  change: DocumentChange,
  known: KnownItem | undefined,
  {
    appendsAt,
    compress,
    keepDeleted,
  }: { readonly appendsAt: number | undefined; readonly compress: boolean; readonly keepDeleted: boolean },
): DocumentWrite {
  const { state, position } = change
  const values: Record<string, Attribute> = { ':one': number(1), ':o': number(position) }
  const sets = ['o = :o']
  const removes: string[] = []
  if (appendsAt !== undefined) {
    values[':g'] = number(appendsAt)
    sets.push('g = :g')
  }
  if (state === null) {
    values[':x'] = { BOOL: true }
    sets.push('x = :x')
    removes.push('d', 'z', 'r')
    if (keepDeleted) removes.push('#ttl')
    else {
      values[':ttl'] = number(Math.floor(Date.now() / 1000) + secondsToKeepDeleted)
      sets.push('#ttl = :ttl')
    }
  } else {
    const { parts, size } = encodeText(state, compress)
    if (parts.length > 1) throw tooLarge(change, size)
    const { e, z } = parts[0] as Item
    values[':d'] = e as Attribute
    values[':zero'] = number(0)
    sets.push('d = :d', 'r = if_not_exists(r, :zero) + :one')
    removes.push('x', '#ttl')
    if (z === undefined) removes.push('z')
    else {
      values[':z'] = z
      sets.push('z = :z')
    }
  }
  const condition = known && isUnchanged(known.item)
  const update = {
    TableName: tables.log,
    Key: keyOf(change),
    UpdateExpression: `SET ${sets.join(', ')} ADD w :one REMOVE ${removes.join(', ')}`,
    ExpressionAttributeNames: { '#ttl': 'ttl' },
    ExpressionAttributeValues: { ...values, ...condition?.values },
    ...(condition && {
      ConditionExpression: condition.expression,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    }),
  }
  return { update: { Update: update }, size: sizeOf(values) + sizeOf(keyOf(change)) }
}

function tooLarge({ projection, key }: DocumentAddress, size: number): InvalidInputError {
  return new InvalidInputError(
    `the state of document '${key}' of '${projection}'`,
    `must not exceed ${maxBytesOfPart} bytes, as DynamoDB stores it`,
    `${size} bytes`,
  )
}

/**
 * Checks that a document has not changed since it was read. The check of an append also stores its first
 * position in the item.
 */
export function documentCheck(
  tables: Tables,
  address: DocumentAddress,
  { item }: KnownItem,
  appendsAt: number | undefined,
): object {
  const { expression, values } = isUnchanged(item)
  if (appendsAt !== undefined) {
    const now = Math.floor(Date.now() / 1000)
    const placeholder = item === undefined ? ', x = :x, o = :zero, #ttl = :ttl' : ''
    return {
      Update: {
        TableName: tables.log,
        Key: keyOf(address),
        UpdateExpression: `SET g = :g${placeholder} ADD w :one`,
        ConditionExpression: expression,
        ...(item === undefined && { ExpressionAttributeNames: { '#ttl': 'ttl' } }),
        ExpressionAttributeValues: {
          ...values,
          ':g': number(appendsAt),
          ':one': number(1),
          ...(item === undefined && {
            ':x': { BOOL: true },
            ':zero': number(0),
            ':ttl': number(now + secondsToKeepDeleted),
          }),
        },
      },
    }
  }
  const check = { TableName: tables.log, Key: keyOf(address), ConditionExpression: expression }
  return { ConditionCheck: item === undefined ? check : { ...check, ExpressionAttributeValues: values } }
}

function isUnchanged(item: Item | undefined): { readonly expression: string; readonly values: Item } {
  if (item === undefined) return { expression: 'attribute_not_exists(p)', values: {} }
  return { expression: 'w = :was', values: { ':was': item.w as Attribute } }
}
