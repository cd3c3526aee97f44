/** The rows of the live tail, which stand still while they are paused, or the reader has scrolled down. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { EventPage } from '../../../../src/console/shapes/event.ts'
import { counted } from '../../parts/number.ts'
import { address } from '../../route.ts'
import { EventRows } from './event-rows.tsx'
import { useTail } from './use-tail.ts'

interface LiveProps {
  readonly first: EventPage
  readonly type: string
  readonly prefix: string
}

/** In pixels: further down, the reader looks at rows that must not move. */
const top = 80

export function Live({ first, type, prefix }: LiveProps) {
  const [isPaused, setIsPaused] = useState(false)
  const paused = useRef(isPaused)
  paused.current = isPaused
  const rows = useRef<HTMLDivElement>(null)
  const isHeld = () =>
    paused.current || scrollY > top || rows.current?.contains(document.activeElement) === true
  const { events, waiting, show } = useTail(first.events, { type, prefix, isHeld })
  const showNow = () => {
    scrollTo({ top: 0 })
    show()
  }
  useEffect(() => {
    const scrolled = () => {
      if (!isHeld()) show()
    }
    addEventListener('scroll', scrolled, { passive: true })
    return () => removeEventListener('scroll', scrolled)
  }, [])
  const oldest = events.at(-1)?.position
  const isEnd = first.next === undefined && events.length === first.events.length
  return (
    <>
      <div class="tail-bar">
        <button
          type="button"
          aria-pressed={isPaused}
          onClick={() => {
            if (isPaused) show()
            setIsPaused(!isPaused)
          }}
        >
          {isPaused ? 'Continue' : 'Pause'}
        </button>
        <span role="status">{isPaused ? 'Paused' : 'Live'}</span>
        {waiting > 0 && (
          <button type="button" class="main" onClick={showNow}>
            {counted(waiting, 'new event')}
          </button>
        )}
      </div>
      <div ref={rows}>
        <EventRows
          events={events}
          empty={
            type === '' && prefix === ''
              ? 'The log is empty. New events appear here.'
              : 'No event fits the filter. New ones appear here.'
          }
          next={isEnd || oldest === undefined ? undefined : address('tail', { type, prefix, before: oldest })}
        />
      </div>
    </>
  )
}
