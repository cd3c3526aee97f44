/** The event of the version that the slider shows. */
import type { Timeline } from '../../../../src/console/shapes/stream.ts'
import type { Stepped } from '../../api/use-stepped.ts'
import { JsonView } from '../../parts/json-view.tsx'
import { digits } from '../../parts/number.ts'
import { Tags } from '../../parts/tags.tsx'
import { Time } from '../../parts/time.tsx'
import { EventData } from '../event/event-data.tsx'
import { EventLinks } from '../event/event-links.tsx'
import { StepProblem } from './step-problem.tsx'

interface EventPanelProps {
  readonly version: number
  readonly page: Stepped<Timeline>
}

export function EventPanel({ version, page }: EventPanelProps) {
  const event = version === 0 ? undefined : page.answer?.events[0]
  return (
    <section class="panel" aria-label="Event" aria-busy={page.isLoading}>
      <div class="panel-head">
        <h2>{event === undefined ? 'Event' : `Event ${digits(event.version)}: ${event.type}`}</h2>
      </div>
      <StepProblem error={page.error} />
      {version === 0 && <p class="empty">Before the first event of the stream.</p>}
      {event && (
        <>
          <p>
            <Time at={event.recordedAt} isExact /> UTC (<Time at={event.recordedAt} />){' '}
            <Tags tags={event.tags} />
          </p>
          <EventLinks event={event} />
          <EventData event={event} />
          <h3>Metadata</h3>
          <JsonView value={event.metadata} label="Metadata" />
        </>
      )}
    </section>
  )
}
