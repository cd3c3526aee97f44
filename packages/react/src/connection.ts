/**
 * One EventSource for each URL, which all components of the page share.
 *
 *     connecting ──frame──▶ live ──connection lost──▶ connecting
 *          └──refused, or an error of the server──▶ failed ──retry──▶ live
 */

/** A document, as the server has sent it. */
export interface LiveDocument<State> {
  readonly key: string
  readonly state: State
  /** The number of writes since the document was created. */
  readonly revision: number
  /** The position of the last event that changed it. */
  readonly position: number
}

/** `connecting`: shows what it has, and waits for the server. `failed`: the server refused; the page tries again. */
export type LiveStatus = 'connecting' | 'live' | 'failed'

/** The server has ended the view with an error of this code, or has refused the connection (`refused`). */
export class LiveViewError extends Error {
  readonly code: string
  constructor(url: string, code: string) {
    super(`The live view ${url} has failed: ${code}. The page connects again by itself`)
    this.code = code
  }
}

export interface Snapshot {
  readonly status: LiveStatus
  readonly error: LiveViewError | undefined
  /** By key; undefined until the server has sent something. */
  readonly documents: ReadonlyMap<string, LiveDocument<unknown>> | undefined
}

interface Frame {
  readonly key: string
  readonly state: unknown
  readonly revision: number
  readonly position: number
  readonly documents?: readonly LiveDocument<unknown>[]
}

export const nothingYet: Snapshot = { status: 'connecting', error: undefined, documents: undefined }

// In milliseconds. A component that mounts again at once, as in React's StrictMode, finds the connection still open.
const closeAfter = 100
const shortestRetry = 1_000
const longestRetry = 30_000

const connections = new Map<string, Connection>()

/** Returns the connection of a URL, and opens it with its first listener. */
export function connectionTo(url: string): Connection {
  const present = connections.get(url)
  if (present !== undefined) return present
  const connection = new Connection(url)
  connections.set(url, connection)
  return connection
}

export class Connection {
  snapshot: Snapshot = nothingYet
  readonly #url: string
  readonly #listeners = new Set<() => void>()
  #source: EventSource | undefined
  #lastEventId = ''
  #retry = shortestRetry
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(url: string) {
    this.#url = url
  }

  /** Calls `listener` after each change of the snapshot. Returns the function that ends this. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    if (this.#source === undefined) this.#open()
    return () => {
      this.#listeners.delete(listener)
      setTimeout(() => this.#closeIfUnused(), closeAfter)
    }
  }

  #closeIfUnused(): void {
    if (this.#listeners.size > 0 || connections.get(this.#url) !== this) return
    connections.delete(this.#url)
    clearTimeout(this.#timer)
    this.#source?.close()
    this.#source = undefined
  }

  #open(): void {
    // A new EventSource sends no Last-Event-ID, so the id goes into the URL.
    const url = new URL(this.#url, location.href)
    if (this.#lastEventId !== '') url.searchParams.set('lastEventId', this.#lastEventId)
    const source = new EventSource(url)
    this.#source = source
    source.addEventListener('reset', (event) => this.#take(event))
    source.addEventListener('change', (event) => this.#take(event))
    source.onopen = () => {
      if (this.snapshot.documents !== undefined) this.#set({ status: 'live', error: undefined })
    }
    source.onerror = (event) => {
      // The server's own error event has data; that of the browser has none.
      const data: unknown = 'data' in event ? event.data : undefined
      if (typeof data === 'string') this.#fail((JSON.parse(data) as { code: string }).code)
      else if (source.readyState === EventSource.CLOSED) this.#fail('refused')
      else this.#set({ status: 'connecting' })
    }
  }

  #take(event: MessageEvent<string>): void {
    const frame = JSON.parse(event.data) as Frame
    this.#lastEventId = event.lastEventId
    this.#retry = shortestRetry
    const isReset = event.type === 'reset'
    const documents = new Map(isReset ? [] : this.snapshot.documents)
    for (const one of frame.documents ?? [frame]) {
      if (one.state === null && frame.documents === undefined) documents.delete(one.key)
      else documents.set(one.key, one)
    }
    this.#set({ status: 'live', error: undefined, documents })
  }

  /** The browser connects again only after a lost connection. After a refusal, this does. */
  #fail(code: string): void {
    this.#source?.close()
    this.#set({ status: 'failed', error: new LiveViewError(this.#url, code) })
    this.#timer = setTimeout(() => this.#open(), this.#retry)
    this.#retry = Math.min(this.#retry * 2, longestRetry)
  }

  #set(change: Partial<Snapshot>): void {
    this.snapshot = { ...this.snapshot, ...change }
    for (const listener of [...this.#listeners]) listener()
  }
}
