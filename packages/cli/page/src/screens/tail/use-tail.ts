/** Keeps the newest events of the log, and holds new ones back while the reader looks at older rows. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { EventShape } from '../../../../src/console/shapes/event.ts'
import { useLive } from '../../api/use-live.ts'

const kept = 200

/** Events that come together are shown together. */
const pause = 250

export interface Tail {
  /** The newest first. */
  readonly events: readonly EventShape[]
  /** How many events have come since the rows stand still. */
  readonly waiting: number
  /** Shows the events that wait. */
  readonly show: () => void
}

interface TailOptions {
  readonly type: string
  readonly prefix: string
  /** Asked when events have come: whether the rows stand still. */
  readonly isHeld: () => boolean
}

/** `first`: what was read before, the newest first. */
export function useTail(first: readonly EventShape[], { type, prefix, isHeld }: TailOptions): Tail {
  const [events, setEvents] = useState(first)
  const [waiting, setWaiting] = useState(0)
  const after = useRef(first[0]?.position)
  const newest = useRef(after.current ?? 0)
  // The newest last. It is cut, so that a pause of an hour does not fill the memory.
  const arrived = useRef<EventShape[]>([])
  const count = useRef(0)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])

  const show = () => {
    const batch = arrived.current.reverse()
    arrived.current = []
    count.current = 0
    setWaiting(0)
    if (batch.length > 0) setEvents((last) => [...batch, ...last].slice(0, kept))
  }
  useLive<EventShape>('log/live', { after: after.current, type, prefix }, 'event', (event) => {
    // After a cut, the console may send an event again.
    if (event.position <= newest.current) return
    newest.current = event.position
    arrived.current.push(event)
    if (arrived.current.length > kept) arrived.current.shift()
    count.current++
    timer.current ??= setTimeout(() => {
      timer.current = undefined
      if (isHeld()) setWaiting(count.current)
      else show()
    }, pause)
  })
  return { events, waiting, show }
}
