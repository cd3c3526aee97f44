/** Random numbers that are the same for the same seed: mulberry32, by Tommy Ettinger. */
export interface Random {
  /** Returns a number from 0 (inclusive) to 1 (exclusive). */
  next(): number
  /** Returns a whole number from 0 (inclusive) to `end` (exclusive). */
  below(end: number): number
  /** Returns true in `share` of a hundred calls. */
  percent(share: number): boolean
  pick<T>(items: readonly T[]): T
}

/** Returns a sequence of random numbers. `parts`: the names that distinguish it from other sequences of the campaign. */
export function randomOf(seed: number, ...parts: readonly (string | number)[]): Random {
  let state = seed | 0
  for (const character of parts.join('/')) state = Math.imul(state ^ character.charCodeAt(0), 0x01000193)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (end: number) => Math.floor(next() * end)
  return {
    next,
    below,
    percent: (share) => next() * 100 < share,
    pick: (items) => {
      const item = items[below(items.length)]
      if (item === undefined) throw new RangeError('There is nothing to pick from')
      return item
    },
  }
}
