/**
 * Makes the body of a response of frames. It asks for a frame when the client has taken the last one, so that a slow client
 * keeps one frame in memory. While no frame comes, it sends comments.
 */
import { onAbort } from '../runtime/abort.ts'

const heartbeatFrame = ': \n\n'

interface FrameStreamOptions {
  /** What to send first. */
  readonly start: string
  /** After how long without a frame to send a comment, in milliseconds. */
  readonly heartbeat: number
  /** Aborted when the stream ends. */
  readonly stop: AbortController
  /** Ends the stream: the client has disconnected. */
  readonly signal: AbortSignal
}

export function streamOfFrames(
  frames: AsyncGenerator<string, void, undefined>,
  { start, heartbeat, stop, signal }: FrameStreamOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  /** The frame that was asked for and has not come; it outlives heartbeats. */
  let next: Promise<IteratorResult<string, void>> | undefined
  let unlink = () => {}

  function end() {
    unlink()
    stop.abort(new Error('the client has disconnected'))
    // A frame may still be on its way. Nobody waits for it.
    next?.catch(() => {})
    frames.return().catch(() => {})
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        unlink = onAbort(signal, () => {
          end()
          controller.close()
        })
        if (!signal.aborted) controller.enqueue(encoder.encode(start))
      },
      async pull(controller) {
        next ??= frames.next()
        const frame = await withinTime(next, heartbeat)
        if (stop.signal.aborted) return
        if (frame === undefined) return controller.enqueue(encoder.encode(heartbeatFrame))
        next = undefined
        if (!frame.done) return controller.enqueue(encoder.encode(frame.value))
        end()
        controller.close()
      },
      cancel: end,
    },
    { highWaterMark: 1 },
  )
}

/** Returns what the promise resolves to; undefined if that takes longer. */
async function withinTime<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
