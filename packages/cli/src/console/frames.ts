/**
 * Server-Sent Events that stay open until the client leaves. It makes a frame when the client has taken the last one, so a
 * slow client keeps two frames in memory. While there is none, it sends `event: alive`: without it, a client could not tell
 * a silent connection from a dead one.
 */
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { ConsoleContext } from './options.ts'
import { withinTime } from './within-time.ts'

/** One event of the stream. */
export interface Frame {
  readonly event: string
  /** JSON in one line. */
  readonly data: string
  /** Where the client resumes after. */
  readonly id?: string | undefined
}

/** A comment would not do: browsers keep comments from the page. */
export const heartbeat = { event: 'alive', data: '{}' }
const retryTime = 2_000

/** After how long without a frame a heartbeat is sent, in milliseconds. */
export const heartbeatTime = 15_000

/**
 * Answers with frames. `framesOf` makes them; its signal is aborted when the client leaves, and when the console closes.
 */
export function sendFrames(
  c: Context,
  { closing, onError }: Pick<ConsoleContext, 'closing' | 'onError'>,
  framesOf: (signal: AbortSignal) => AsyncIterable<Frame>,
  every: number = heartbeatTime,
): Response {
  // Without these, nginx would keep frames back, and proxies might compress them.
  c.header('X-Accel-Buffering', 'no')
  const left = new AbortController()
  const signal = AbortSignal.any([left.signal, closing, c.req.raw.signal])
  const response = streamSSE(c, async (stream) => {
    stream.onAbort(() => left.abort(new Error('The client has left')))
    signal.addEventListener('abort', () => stream.abort(), { once: true })
    const frames = framesOf(signal)[Symbol.asyncIterator]()
    const ask = () => {
      const next = frames.next()
      // It may fail when the client leaves, and then nobody waits for it.
      next.catch(() => {})
      return next
    }
    await stream.write(`retry: ${retryTime}\n\n`)
    try {
      let next = ask()
      while (!signal.aborted) {
        const result = await withinTime(next, every, signal)
        if (signal.aborted) break
        if (result === undefined) {
          await stream.writeSSE(heartbeat)
          continue
        }
        if (result.done) break
        const { event, data, id } = result.value
        await stream.writeSSE({ event, data, ...(id !== undefined && { id }) })
        next = ask()
      }
    } catch (error) {
      if (!signal.aborted) onError(error, c.req.raw)
    } finally {
      left.abort(new Error('The answer has ended'))
      await frames.return?.().catch(() => {})
    }
  })
  response.headers.set('Cache-Control', 'no-store, no-transform')
  return response
}
