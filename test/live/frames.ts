/** A client of Server-Sent Events that resumes as a browser does, and keeps what it was sent. */

export interface Frame {
  readonly event: string
  readonly id: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: the frames of the tests
  readonly data: any
}

/** Reads the frames of a response until it ends. Comments are left out. @throws the error that cuts the response */
export async function* framesOf(response: Response): AsyncGenerator<Frame> {
  if (response.body === null) return
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
      const data = field('data')
      if (data !== undefined)
        yield { event: field('event') ?? 'message', id: field('id'), data: JSON.parse(data) }
    }
  }
}

/** Connects again and again until the signal is aborted, each time after the last id that it has got. */
export async function follow(url: string, signal: AbortSignal, take: (frame: Frame) => void): Promise<void> {
  let lastId: string | undefined
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId }
      for await (const frame of framesOf(await fetch(url, { headers, signal }))) {
        lastId = frame.id ?? lastId
        take(frame)
      }
    } catch {
      // The connection was cut, or there is no server at the moment.
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
