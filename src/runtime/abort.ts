/** Waiting that an AbortSignal can end, leaving no listener behind. */

/** Settles as `work` does, or rejects with the signal's reason as soon as it is aborted. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  // Whoever loses the race may still reject later; that must not count as unhandled.
  work.catch(() => {})
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * Hands over the items of a source, each when the promise that `take` may return is settled, until the signal is
 * aborted: also while the source does not answer. Closes the source if it does not come to its end.
 */
export async function forEachItem<T>(
  source: Iterable<T> | AsyncIterable<T>,
  signal: AbortSignal,
  take: (item: T) => Promise<void> | undefined,
): Promise<void> {
  signal.throwIfAborted()
  if (!(Symbol.asyncIterator in source)) {
    for (const item of source) {
      const taken = take(item)
      if (taken !== undefined) await taken
      signal.throwIfAborted()
    }
    return
  }
  const items = source[Symbol.asyncIterator]()
  let ended = false
  // One listener for all items: one for each would take ten times as long as the rest of this loop.
  let giveUp = (_: unknown) => {}
  const onAbort = () => giveUp(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    for (;;) {
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        giveUp = reject
        items.next().then(resolve, reject)
      })
      ended = next.done === true
      if (next.done) return
      const taken = take(next.value)
      if (taken !== undefined) await taken
      signal.throwIfAborted()
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    // A source that hangs would hang in closing too: after an abort nobody waits for it.
    const closed = ended ? undefined : items.return?.()
    if (signal.aborted) closed?.catch(() => {})
    else await closed
  }
}

/** Resolves after so many milliseconds, or rejects with the signal's reason. */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  try {
    await abortable(elapsed, signal)
  } finally {
    clearTimeout(timer)
  }
}
