/** A timeout for a step of a campaign. Its error names the step, so that the reader knows what hangs. */

/**
 * Returns the result of the work, or rejects after so many milliseconds. The error describes the step by `what`, which
 * is called only then if it is a function.
 */
export async function within<T>(
  milliseconds: number,
  what: string | (() => string | Promise<string>),
  work: Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(async () => {
      const description = typeof what === 'string' ? what : await what()
      reject(new Error(`After ${milliseconds / 1000} s there is no end of ${description}`))
    }, milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
