/** Which decider folds a stream: the one that the address names, or the one after which the stream is named. */

/** In the address: the reader wants no state. */
export const noDecider = '-'

/**
 * Returns the name of a decider; undefined if none fits. A stream `order-7` fits the decider `order`: the longest such name
 * wins. A wrong decider would show a state that never was, so no other one is taken by itself.
 */
export function chooseDecider(
  deciders: readonly string[],
  streamId: string,
  chosen: string | undefined,
): string | undefined {
  if (chosen === noDecider) return undefined
  if (chosen !== undefined && deciders.includes(chosen)) return chosen
  const id = streamId.toLowerCase()
  return deciders
    .filter((name) => id.startsWith(name.toLowerCase()))
    .sort((one, other) => other.length - one.length)[0]
}
