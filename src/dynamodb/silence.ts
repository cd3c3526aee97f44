/**
 * For how long items have been left as they are, by which the dead are known. No clock is trusted but to measure time that
 * passes in one process. What one has seen it leaves in the item for those who come after it, as processes may live for a
 * shorter time than must pass: never more than really has passed since the item was changed, so that these times add up.
 */
import { type Attribute, type Item, isSameAttribute, number, numberOf } from './attributes.ts'
import type { Key } from './keys.ts'

/** The beat of a worker, who holds a checkpoint, the epoch of locks: an item has one of them. */
const signs = ['beat', 'k', 'r'] as const
type Sign = (typeof signs)[number]

export interface Silent {
  readonly key: Key
  /** What changes with each sign of life, to a value that it never had. */
  readonly sign: Sign
  readonly value: Attribute
  /** For how long it has been silent, in milliseconds: at least. */
  readonly idle: number
}

/** By the items' sort keys. */
export type Silence = ReadonlyMap<string, Silent>

export class Silences {
  readonly #seen = new Map<string, { readonly silence: Silence; readonly at: number }>()

  /** Looks at all such items of a partition; what is not there any more is forgotten. */
  look(partition: string, items: readonly Item[]): Silence {
    const at = performance.now()
    const seen = this.#seen.get(partition)
    const silence = new Map<string, Silent>()
    for (const item of items) {
      const sign = signs.find((one) => item[one] !== undefined)
      if (sign === undefined) continue
      const value = item[sign] as Attribute
      const key = { p: item.p, s: item.s } as Key
      const before = seen?.silence.get(key.s.S)
      const known = seen && before && isSameAttribute(value, before.value) ? before.idle + at - seen.at : 0
      // What was left of another value is over.
      const told = isSameAttribute(value, item.idleOf) ? (numberOf(item, 'idle') ?? 0) : 0
      silence.set(key.s.S, { key, sign, value, idle: Math.max(known, told) })
    }
    this.#seen.set(partition, { silence, at })
    return silence
  }
}

/** The update that leaves in an item for how long it has been silent. */
export function leaving({ key, sign, value, idle }: Silent): object {
  return {
    Key: key,
    UpdateExpression: 'SET idle = :idle, idleOf = :sign',
    ConditionExpression:
      '#sign = :sign AND (attribute_not_exists(idleOf) OR idleOf <> :sign OR idle < :idle)',
    ExpressionAttributeNames: { '#sign': sign },
    ExpressionAttributeValues: { ':sign': value, ':idle': number(Math.floor(idle)) },
  }
}
