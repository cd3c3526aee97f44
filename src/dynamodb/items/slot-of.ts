/** Decodes the items of slots. */
import { refuse } from '../../storage/index.ts'
import { isLost, slotOfItem } from '../log/slot-item.ts'
import { type AttributeTypes, decoding, type ItemImage, itemOf } from './image.ts'
import { kindOf } from './kind-of.ts'

/** Consecutive events of a stream in the log. */
export interface DecodedRun {
  readonly streamId: string
  /** The version of the first of them. */
  readonly firstVersion: number
  /** The position of the first of them. */
  readonly firstPosition: number
  /** The number of events. */
  readonly count: number
  /** The types of the events, each once. */
  readonly types: readonly string[]
}

/** A slot: a numbered piece of the log, filled by one transaction. */
export interface DecodedSlot {
  readonly number: number
  /** Which events are in it; empty if the slot was sealed without events. */
  readonly runs: readonly DecodedRun[]
}

const types: AttributeTypes = {
  p: 'text',
  s: 'text',
  o: 'number',
  b: 'bytes',
  t: 'number',
  w: 'number',
  x: 'boolean',
  z: 'number',
}

/**
 * Returns which events are in a slot of the log.
 *
 * @throws InvalidInputError if the image is not that of a slot
 * @throws SchemaMismatchError if a later version of the library wrote the item
 */
export function slotOf(image: ItemImage): DecodedSlot {
  const item = itemOf(image, 'image', types)
  if (kindOf(item) !== 'slot') {
    refuse('image', 'must be the image of a slot (`kindOf` tells the items apart)', image)
  }
  const needed = item.x === undefined && item.z === undefined ? ['o', 'b', 't', 'w'] : []
  for (const name of needed) {
    if (item[name] === undefined) refuse(`image.${name}`, 'must be there: pass the whole image', image)
  }
  const slot = decoding('image', image, () => slotOfItem(item))
  const runs: DecodedRun[] = []
  let firstPosition = slot.first
  for (const run of slot.runs) {
    const { streamId, firstVersion, count, types } = run
    if (!isLost(run)) runs.push({ streamId, firstVersion, firstPosition, count, types })
    firstPosition += count
  }
  return { number: slot.number, runs }
}
