/**
 * Detects dead processes, and locks without an owner, by how long their item has not changed.
 *
 * Each process measures with its own monotonic clock how long it has seen an item unchanged. No clock of
 * another machine counts. A process may end before it has seen the item unchanged for long enough. So it stores in
 * the item the idle time that it has measured, and the next process adds its own. A stored idle time is never longer than
 * the time since the item changed.
 */

import type { Key } from '../keys.ts'
import { type Attribute, type Item, isSameAttribute, number, numberOf } from './attributes.ts'

/**
 * The heartbeat of a process, the hold of a checkpoint, and the epoch of the locks: an item has one of them.
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

/** Items by the texts that `idleKey` makes of their keys. */
export type IdleItems = ReadonlyMap<string, IdleItem>

export const idleKey = ({ p, s }: Key): string => `${p.S} ${s.S}`

/** Remembers the items that this process has seen, and since when they are idle. */
export class Liveness {
  readonly #seen = new Map<string, { readonly items: IdleItems; readonly at: number }>()

  /** Returns how long each item is idle. Takes all such items of the group, and forgets the others of the group. */
  observe(group: string, items: readonly Item[]): IdleItems {
    const at = performance.now()
    const idleItems = new Map<string, IdleItem>()
    for (const item of items) {
      const idleItem = this.#measure(group, item, at)
      if (idleItem !== undefined) idleItems.set(idleKey(idleItem.key), idleItem)
    }
    this.#seen.set(group, { items: idleItems, at })
    return idleItems
  }

  /** Returns how long an item is idle, without remembering it. */
  idleTimeOf(group: string, item: Item): number {
    return this.#measure(group, item, performance.now())?.idle ?? 0
  }

  #measure(group: string, item: Item, at: number): IdleItem | undefined {
    const attribute = livenessAttributes.find((name) => item[name] !== undefined)
    if (attribute === undefined) return undefined
    const seen = this.#seen.get(group)
    const value = item[attribute] as Attribute
    const key = { p: item.p, s: item.s } as Key
    const before = seen?.items.get(idleKey(key))
    const measured = seen && before && isSameAttribute(value, before.value) ? before.idle + at - seen.at : 0
    // An idle time that is stored for an older value no longer counts.
    const stored = isSameAttribute(value, item.idleOf) ? (numberOf(item, 'idle') ?? 0) : 0
    return { key, attribute, value, idle: Math.max(measured, stored) }
  }

  /** Returns how long the items of the group have been idle by now, if none has changed since they were observed. */
  idleNow(group: string): readonly IdleItem[] {
    const { items = new Map<string, IdleItem>(), at = 0 } = this.#seen.get(group) ?? {}
    const since = performance.now() - at
    return [...items.values()].map((item) => ({ ...item, idle: item.idle + since }))
  }

  forget(group: string): void {
    this.#seen.delete(group)
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
