/** Listens to Server-Sent Events of the API while a part of the page is shown. */
import { useEffect, useRef } from 'preact/hooks'
import { apiAddress, type Query } from './client.ts'
import { noteAnswer, noteAway } from './connection.ts'

const pause = 2_000

/**
 * Calls `heard` with each message of this name. The browser connects again by itself after a cut, and resumes after the last
 * message; after an answer that is no stream of events, this connects again 2 s later. `path`: undefined listens to nothing.
 */
export function useLive<Message>(
  path: string | undefined,
  query: Query,
  name: string,
  heard: (message: Message) => void,
): void {
  const last = useRef(heard)
  last.current = heard
  const url = path === undefined ? undefined : apiAddress(path, query)
  useEffect(() => {
    if (url === undefined) return
    let source: EventSource
    let timer: ReturnType<typeof setTimeout> | undefined
    const connect = () => {
      source = new EventSource(url)
      source.addEventListener('open', noteAnswer)
      source.addEventListener(name, ({ data }) => {
        noteAnswer()
        last.current(JSON.parse(data))
      })
      source.addEventListener('away', ({ data }) => noteAway(JSON.parse(data).message))
      source.addEventListener('error', () => {
        noteAway('The console does not answer.')
        if (source.readyState === EventSource.CLOSED) timer = setTimeout(connect, pause)
      })
    }
    connect()
    return () => {
      clearTimeout(timer)
      source.close()
    }
  }, [url, name])
}
