/**
 * The item of up to 16 event ids that differ only in their last digit. The ids of one command are such neighbours, and the
 * ids of an import with a name. So their items cost little.
 *
 *     e<last digit>   for each recorded id: `[stream, version, position, recordedAt]` as JSON; or another digit, if the event
 *                     is in the same commit as the event of that digit, as many versions and positions behind it as the
 *                     digits are apart
 *
 * An id is taken if its attribute exists. Nothing changes an attribute, except a repair of restored tables.
 */

import { eventIdKey, type Key } from '../keys.ts'
import { type Item, number, numberOf, sizeOf, text, textOf } from '../requests/attributes.ts'

/** The stream, the version and the position of an event. */
export interface EventLocation {
  readonly streamId: string
  readonly version: number
  readonly position: number
  /** Milliseconds since 1970. */
  readonly recordedAt: number
}

/** An event id, and where its event is. */
export interface LocatedId {
  readonly id: string
  readonly location: EventLocation
}

/** The ids of one call that share an item, by their last digit. */
export type Neighbours<T extends LocatedId> = ReadonlyMap<number, T>

const digitOf = (id: string): number => Number.parseInt(id.slice(-1), 16)
const attributeAt = (digit: number): string => `e${digit.toString(16)}`
/** The name of the attribute that holds the id. */
const attributeOf = (id: string): string => attributeAt(digitOf(id))

/** The number of items that the ids need. */
export function itemsFor(ids: readonly string[]): number {
  return ids.length < 2 ? ids.length : new Set(ids.map((id) => eventIdKey(id).p.S)).size
}

/** Groups ids that share an item. An id that occurs twice begins another group, which DynamoDB then refuses. */
export function neighboursIn<T extends LocatedId>(ids: readonly T[]): Neighbours<T>[] {
  const groups: Map<number, T>[] = []
  const groupOf = new Map<string, Map<number, T>>()
  for (const one of ids) {
    const { S: partition } = eventIdKey(one.id).p
    const digit = digitOf(one.id)
    let group = groupOf.get(partition)
    if (group === undefined || group.has(digit)) {
      group = new Map()
      groupOf.set(partition, group)
      groups.push(group)
    }
    group.set(digit, one)
  }
  return groups
}

/** The update that adds ids to their item, and its size in bytes. */
export interface IdUpdate {
  readonly Key: Key
  readonly UpdateExpression: string
  /** Demands that no id is taken. */
  readonly ConditionExpression: string
  readonly ExpressionAttributeValues: Item
}

export function idUpdate(neighbours: Neighbours<LocatedId>): {
  readonly update: IdUpdate
  readonly size: number
} {
  const [[, { id }]] = [...neighbours] as [[number, LocatedId]]
  const attributes: Record<string, Item[string]> = {}
  let first: { readonly digit: number; readonly location: EventLocation } | undefined
  for (const digit of [...neighbours.keys()].sort((a, b) => a - b)) {
    const { location } = neighbours.get(digit) as LocatedId
    if (first !== undefined && isSame(locationBehind(first.location, digit - first.digit), location)) {
      attributes[attributeAt(digit)] = number(first.digit)
    } else {
      first = { digit, location }
      const { streamId, version, position, recordedAt } = location
      attributes[attributeAt(digit)] = text(JSON.stringify([streamId, version, position, recordedAt]))
    }
  }
  const names = Object.keys(attributes)
  const update = {
    Key: eventIdKey(id),
    UpdateExpression: `SET ${names.map((name) => `${name} = :${name}`).join(', ')}`,
    ConditionExpression: names.map((name) => `attribute_not_exists(${name})`).join(' AND '),
    ExpressionAttributeValues: Object.fromEntries(
      names.map((name) => [`:${name}`, attributes[name] as Item[string]]),
    ),
  }
  return { update, size: sizeOf({ ...update.Key, ...attributes }) }
}

/** Returns whether the stored item has this id. */
export const hasId = (item: Item, id: string): boolean => item[attributeOf(id)] !== undefined

/** Returns where the event with this id is, by the item of its neighbours; undefined if the id is free. */
export function locationIn(item: Item | undefined, id: string): EventLocation | undefined {
  return item && locationAt(item, digitOf(id))
}

/** Returns all ids of a stored item. */
export function idsIn(item: Item): LocatedId[] {
  const start = (item as Key).p.S.slice(2)
  const located: LocatedId[] = []
  for (let digit = 0; digit < 16; digit++) {
    const location = locationAt(item, digit)
    if (location !== undefined) located.push({ id: `${start}${digit.toString(16)}`, location })
  }
  return located
}

function locationAt(item: Item, digit: number): EventLocation | undefined {
  const name = attributeAt(digit)
  const first = numberOf(item, name)
  if (first !== undefined) return locationBehind(locationAt(item, first) as EventLocation, digit - first)
  const stored = textOf(item, name)
  if (stored === undefined) return undefined
  const [streamId, version, position, recordedAt] = JSON.parse(stored) as [string, number, number, number]
  return { streamId, version, position, recordedAt }
}

function locationBehind({ version, position, ...same }: EventLocation, distance: number): EventLocation {
  return { ...same, version: version + distance, position: position + distance }
}

const isSame = (one: EventLocation, other: EventLocation): boolean =>
  one.streamId === other.streamId &&
  one.version === other.version &&
  one.position === other.position &&
  one.recordedAt === other.recordedAt
