/** Waits that an AbortSignal can end. None of them leaves a listener on the signal. */

/** Settles like `work`, or rejects with the signal's reason as soon as the signal is aborted. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  // After an abort, `work` may still reject. Without this handler, that rejection would end the process.
  work.catch(() => {})
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * Calls `take` for each item of a source, one at a time: it waits for the promise that `take` returns, if any, before
 * it asks for the next item. Closes the source unless the source has ended.
 * @throws the signal's reason if the signal is aborted, even while the source hangs
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
  // One listener serves all items. A listener for each item would take ten times as long as the rest of this loop.
  let rejectNext = (_: unknown) => {}
  const onAbort = () => rejectNext(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    for (;;) {
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        rejectNext = reject
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
    // A source that hangs may also hang while it closes, so an aborted call does not wait for that.
    const closed = ended ? undefined : items.return?.()
    if (signal.aborted) closed?.catch(() => {})
    else await closed
  }
}

/** Resolves after `milliseconds`, or rejects with the signal's reason as soon as the signal is aborted. */
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
