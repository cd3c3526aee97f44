/** Listens to Server-Sent Events of the API while a part of the page is shown. */
import { useEffect, useRef } from 'preact/hooks'
import { apiAddress, type Query } from './client.ts'
import { noteAnswer, noteAway } from './connection.ts'

const pause = 2_000

/** The console sends something every 15 s. A connection that is silent for longer is dead, as after a sleep of the computer. */
const longestSilence = 35_000
/** It sends the beginning of its answer at once. */
const longestStart = 10_000
const silenceCheck = 5_000

/**
 * Calls `heard` with each message of this name. After a cut, or an answer that is no stream of events, it connects again, and
 * resumes after the last message that had an id. A browser has six connections for a console, so a tab in the background has
 * none. `path`: undefined listens to nothing.
 */
export function useLive<Message>(
  path: string | undefined,
  query: Query,
  name: string,
  heard: (message: Message) => void,
): void {
  const last = useRef(heard)
  last.current = heard
  const key = JSON.stringify([path, query])
  useEffect(() => {
    if (path === undefined) return
    let source: EventSource | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let lastId = ''
    let heardAt = 0
    const disconnect = () => {
      clearTimeout(timer)
      source?.close()
      source = undefined
    }
    const connect = () => {
      disconnect()
      heardAt = Date.now()
      source = new EventSource(apiAddress(path, lastId === '' ? query : { ...query, after: lastId }))
      const listen = (event: string, work: (message: MessageEvent) => void) =>
        source?.addEventListener(event, (message) => {
          heardAt = Date.now()
          work(message as MessageEvent)
        })
      listen('open', noteAnswer)
      listen('alive', () => {})
      listen(name, ({ data, lastEventId }) => {
        lastId = lastEventId
        noteAnswer()
        last.current(JSON.parse(data))
      })
      listen('away', ({ data }) => noteAway(JSON.parse(data).message))
      source.addEventListener('error', () => {
        noteAway('The console does not answer.')
        if (source?.readyState === EventSource.CLOSED) timer = setTimeout(connect, pause)
      })
    }
    const follow = () => {
      if (document.hidden) disconnect()
      else if (source === undefined) connect()
    }
    // The clock also runs while the computer sleeps. Timers do not.
    const watch = setInterval(() => {
      const longest = source?.readyState === EventSource.OPEN ? longestSilence : longestStart
      if (source !== undefined && Date.now() - heardAt > longest) connect()
    }, silenceCheck)
    document.addEventListener('visibilitychange', follow)
    follow()
    return () => {
      document.removeEventListener('visibilitychange', follow)
      clearInterval(watch)
      disconnect()
    }
  }, [key, name])
}
