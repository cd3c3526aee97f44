/** The data of an event. Large data come when the user asks for them. */
import { useState } from 'preact/hooks'
import type { EventShape } from '../../../../src/console/shapes/event.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { JsonView } from '../../parts/json-view.tsx'
import { Result } from '../../parts/result.tsx'

interface EventDataProps {
  readonly event: EventShape
}

export function EventData({ event }: EventDataProps) {
  const [asked, setAsked] = useState<number>()
  const isAsked = event.isCut && asked === event.position
  const whole = useAnswer<EventShape>(isAsked ? 'event' : undefined, { position: event.position })
  if (!event.isCut) return <JsonView value={event.data} label="Data" />
  if (isAsked) {
    return <Result result={whole}>{({ data }) => <JsonView value={data} label="Data" />}</Result>
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reachable by the keyboard
    <section class="json" aria-label="Beginning of the data" tabIndex={0}>
      <p class="rest first">
        The data are large, and this is their beginning.{' '}
        <button type="button" onClick={() => setAsked(event.position)}>
          Read all
        </button>
      </p>
      <pre>{String(event.data)}…</pre>
    </section>
  )
}
