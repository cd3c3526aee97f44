/** Waits for a promise, but only for some time. */

/** Returns what the promise resolves to; undefined if that takes longer, or if the signal is aborted. */
export async function withinTime<T>(
  promise: Promise<T>,
  milliseconds: number,
  signal: AbortSignal,
): Promise<T | undefined> {
  const ended = new AbortController()
  const late = new Promise<undefined>((resolve) => {
    const end = () => resolve(undefined)
    const timer = setTimeout(end, milliseconds)
    signal.addEventListener('abort', end, { signal: ended.signal, once: true })
    ended.signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    ended.abort()
  }
}
