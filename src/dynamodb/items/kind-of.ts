/** Tells the items of the tables apart by their keys. */
import { streamPartition } from '../keys.ts'
import { slotKeyPrefix } from '../log/slot-stream.ts'
import type { ItemImage } from './image.ts'

/**
 * `commit`: the events of an append, or the first part of them. `commit-part`: a further part of a commit that is larger
 * than an item. `slot`: a numbered piece of the log. `other`: another item of the two tables, or no image.
 */
export type ItemKind = 'commit' | 'commit-part' | 'slot' | 'other'

/** Returns what an image is. Never throws: a Lambda function can pass each record of a stream, also one without image. */
export function kindOf(image: ItemImage | undefined): ItemKind {
  const [p, s] = [keyOf(image, 'p'), keyOf(image, 's')]
  if (p.startsWith(streamPartition('')) && /^e#\d{16}$/.test(s)) return 'commit'
  if (p.startsWith(streamPartition('')) && /^e#\d{16}\+\d{2}$/.test(s)) return 'commit-part'
  return p.startsWith(slotKeyPrefix) && /^\d{16}$/.test(s) ? 'slot' : 'other'
}

function keyOf(image: unknown, name: 'p' | 's'): string {
  try {
    const value = (image as ItemImage)[name]
    const text = typeof value === 'string' ? value : (value as { readonly S?: unknown }).S
    return typeof text === 'string' ? text : ''
  } catch {
    return ''
  }
}
