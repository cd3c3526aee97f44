/** Waits that an AbortSignal can end. None of them leaves a listener on the signal. */

/** All callbacks of one signal. They share one listener, because Node.js warns about a signal with more than ten. */
class AbortCallbacks {
  readonly #signal: AbortSignal
  readonly #callbacks = new Set<() => void>()
  readonly #callAll = () => {
    callbacksOf.delete(this.#signal)
    for (const callback of this.#callbacks) callback()
  }

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', this.#callAll, { once: true })
  }

  add(callback: () => void): void {
    this.#callbacks.add(callback)
  }

  remove(callback: () => void): void {
    this.#callbacks.delete(callback)
    if (this.#callbacks.size > 0) return
    this.#signal.removeEventListener('abort', this.#callAll)
    callbacksOf.delete(this.#signal)
  }
}

const callbacksOf = new WeakMap<AbortSignal, AbortCallbacks>()

/**
 * Calls `callback` when the signal is aborted, at once if it is aborted already. Returns the function that removes the
 * callback.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback()
    return () => {}
  }
  const callbacks = callbacksOf.get(signal) ?? new AbortCallbacks(signal)
  callbacksOf.set(signal, callbacks)
  callbacks.add(callback)
  return () => callbacks.remove(callback)
}

/**
 * Makes a controller that is also aborted with `signal`, until `unlink` is called. (`AbortSignal.any` would leave an
 * entry on `signal` for ever.)
 */
export function linkedController(signal: AbortSignal | undefined): {
  readonly controller: AbortController
  unlink(): void
} {
  const controller = new AbortController()
  if (signal === undefined) return { controller, unlink() {} }
  return { controller, unlink: onAbort(signal, () => controller.abort(signal.reason)) }
}

/** Settles like `work`, or rejects with the signal's reason as soon as the signal is aborted. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  let remove = () => {}
  const aborted = new Promise<never>((_, reject) => {
    remove = onAbort(signal, () => reject(signal.reason))
  })
  // After an abort, `work` may still reject. Without this handler, that rejection would end the process.
  work.catch(() => {})
  try {
    return await Promise.race([work, aborted])
  } finally {
    remove()
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
  const remove = onAbort(signal, () => rejectNext(signal.reason))
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
    remove()
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
