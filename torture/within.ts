/** Steps that come to an end, or say that they do not: what hangs is to be known by its name. */

/** Rejects when the work takes longer, in milliseconds; `what` tells then what is taking so long. */
export async function within<T>(
  milliseconds: number,
  what: string | (() => string | Promise<string>),
  work: Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(async () => {
      const told = typeof what === 'string' ? what : await what()
      reject(new Error(`After ${milliseconds / 1000} s there is no end of ${told}`))
    }, milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
