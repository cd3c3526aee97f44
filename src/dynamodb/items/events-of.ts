/** Decodes the items of commits. */
import { type RecordedEvent, readSafely, refuse, SchemaMismatchError } from '../../storage/index.ts'
import { type CommitTuples, decodeText, eventsOfTuples } from '../commits/commit-body.ts'
import { firstVersionOf } from '../keys.ts'
import { type Item, numberOf, textOf } from '../requests/attributes.ts'
import { type AttributeTypes, decoding, type ItemImage, itemOf } from './image.ts'
import { kindOf } from './kind-of.ts'

/** The events of a commit, or how many of its parts are missing. */
export type DecodedCommit =
  | {
      readonly kind: 'events'
      readonly streamId: string
      /** In the order of their versions. */
      readonly events: readonly RecordedEvent[]
    }
  | {
      readonly kind: 'incomplete'
      readonly streamId: string
      /** The first version of the commit: with the stream, the name of the commit. */
      readonly version: number
      /** The number of its parts. */
      readonly parts: number
      /** How many of them were passed. */
      readonly has: number
    }

const types: AttributeTypes = {
  p: 'text',
  s: 'text',
  v: 'number',
  t: 'number',
  o: 'number',
  m: 'number',
  z: 'number',
  e: 'text or bytes',
}
const required = ['v', 't', 'o', 'e'] as const
// `[id, type, data, metadata, tags]`, and two more for an imported event.
const tupleLengths = [5, 7]

/**
 * Returns the events of a commit, with their positions. A commit that is larger than an item has several parts: pass all
 * of them, in any order. If some are missing, the result says how many.
 *
 * @throws InvalidInputError if an image is not that of a commit, or the images are of several commits
 * @throws SchemaMismatchError if a later version of the library wrote the item
 */
export function eventsOf(images: ItemImage | readonly ItemImage[]): DecodedCommit {
  const isList = readSafely('images', images, () => Array.isArray(images))
  const list: readonly unknown[] = isList
    ? readSafely('images', images, () => [...(images as unknown[])])
    : [images]
  const parts = new Map<string, Item>()
  let name: string | undefined
  for (const [index, image] of list.entries()) {
    const field = isList ? `images[${index}]` : 'image'
    const item = commitItem(image, field)
    const [p, s] = [textOf(item, 'p') as string, textOf(item, 's') as string]
    name ??= p + s.slice(0, 18)
    if (name !== p + s.slice(0, 18)) refuse(field, 'must be a part of the same commit as the others', s)
    parts.set(s, item)
  }
  const [first, ...others] = [...parts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item)
  if (first === undefined) refuse('images', 'must not be empty', images)
  const streamId = (textOf(first, 'p') as string).slice(2)
  const version = firstVersionOf(first)
  const count = numberOf(first, 'm') ?? 1
  const has = others.length + 1
  if (has < count) return { kind: 'incomplete', streamId, version, parts: count, has }
  const tuples = decoding('image', first, () => tuplesOf(first, others))
  const place = {
    streamId,
    firstVersion: version,
    firstPosition: numberOf(first, 'o') as number,
    recordedAt: numberOf(first, 't') as number,
  }
  return { kind: 'events', streamId, events: eventsOfTuples(tuples, place) }
}

function commitItem(image: unknown, field: string): Item {
  const item = itemOf(image, field, types)
  const kind = kindOf(item)
  if (kind !== 'commit' && kind !== 'commit-part') {
    refuse(field, 'must be the image of a commit (`kindOf` tells the items apart)', image)
  }
  for (const name of required) {
    if (item[name] === undefined) refuse(`${field}.${name}`, 'must be there: pass the whole image', image)
  }
  return item
}

function tuplesOf(first: Item, others: readonly Item[]): CommitTuples {
  const tuples: unknown = (numberOf(first, 'z') ?? 1) === 1 && JSON.parse(decodeText(first, others))
  const isKnown =
    Array.isArray(tuples) &&
    tuples.every((tuple) => Array.isArray(tuple) && tupleLengths.includes(tuple.length))
  if (isKnown) return tuples as unknown as CommitTuples
  throw new SchemaMismatchError(
    `The commit '${textOf(first, 's')}' of '${textOf(first, 'p')}' has a format that this version of the library does not know: update the library`,
  )
}
