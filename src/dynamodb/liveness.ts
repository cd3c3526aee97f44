/**
 * Detects dead workers, and locks without an owner, by how long their item has not changed.
 *
 * Each process measures with its own monotonic clock how long it has seen an item unchanged. No clock of
 * another machine counts. A process may live for a shorter time than must pass. So it stores in the item the
 * idle time that it has measured, and the next process adds its own. A stored idle time is never longer than
 * the time since the item changed.
 */
import { type Attribute, type Item, isSameAttribute, number, numberOf } from './attributes.ts'
import type { Key } from './keys.ts'

/**
 * The heartbeat of a worker, the hold of a checkpoint, and the epoch of the locks: an item has one of them.
 */
const livenessAttributes = ['beat', 'k', 'r'] as const
type LivenessAttribute = (typeof livenessAttributes)[number]

/** An item that does not change. */
export interface IdleItem {
  readonly key: Key
  /** The attribute that changes while the owner lives, each time to a value that it never had. */
  readonly attribute: LivenessAttribute
  readonly value: Attribute
  /** For how long the value has not changed, in milliseconds. The real time may be longer, never shorter. */
  readonly idle: number
}

/** The items of a partition by their sort keys. */
export type IdleItems = ReadonlyMap<string, IdleItem>

/** Remembers the items that this process has seen, and since when they are idle. */
export class Liveness {
  readonly #seen = new Map<string, { readonly items: IdleItems; readonly at: number }>()

  /** Returns how long each item is idle. Takes all such items of the partition, and forgets the others. */
  observe(partition: string, items: readonly Item[]): IdleItems {
    const at = performance.now()
    const seen = this.#seen.get(partition)
    const idleItems = new Map<string, IdleItem>()
    for (const item of items) {
      const attribute = livenessAttributes.find((name) => item[name] !== undefined)
      if (attribute === undefined) continue
      const value = item[attribute] as Attribute
      const key = { p: item.p, s: item.s } as Key
      const before = seen?.items.get(key.s.S)
      const measured = seen && before && isSameAttribute(value, before.value) ? before.idle + at - seen.at : 0
      // An idle time that is stored for an older value no longer counts.
      const stored = isSameAttribute(value, item.idleOf) ? (numberOf(item, 'idle') ?? 0) : 0
      idleItems.set(key.s.S, { key, attribute, value, idle: Math.max(measured, stored) })
    }
    this.#seen.set(partition, { items: idleItems, at })
    return idleItems
  }
}

/** The update that stores in an item how long it is idle, unless a longer time is stored there already. */
export function idleUpdate({ key, attribute, value, idle }: IdleItem): object {
  return {
    Key: key,
    UpdateExpression: 'SET idle = :idle, idleOf = :value',
    ConditionExpression:
      '#attribute = :value AND (attribute_not_exists(idleOf) OR idleOf <> :value OR idle < :idle)',
    ExpressionAttributeNames: { '#attribute': attribute },
    ExpressionAttributeValues: { ':value': value, ':idle': number(Math.floor(idle)) },
  }
}
