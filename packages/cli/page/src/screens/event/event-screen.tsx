/** `#/event?position` or `#/event?id`: one event with all its parts. */
import type { EventShape } from '../../../../src/console/shapes/event.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { CopyButton } from '../../parts/copy-button.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Heading } from '../../parts/heading.tsx'
import { JsonView } from '../../parts/json-view.tsx'
import { digits } from '../../parts/number.ts'
import { Result } from '../../parts/result.tsx'
import { Tags } from '../../parts/tags.tsx'
import { Time } from '../../parts/time.tsx'
import { address } from '../../route.ts'
import type { ScreenProps } from '../screen.ts'
import { EventLinks } from './event-links.tsx'

export function EventScreen({ params: { position, id } }: ScreenProps) {
  const isNamed = position !== undefined || id !== undefined
  const result = useAnswer<EventShape>(isNamed ? 'event' : undefined, { position, id })
  const { answer: event, error } = result
  return (
    <>
      <Heading title={event?.type ?? 'Event'}>
        {event && (
          <CopyButton
            label="Copy as JSON"
            text={() => {
              const { isCut, ...parts } = event
              return JSON.stringify(parts, undefined, 2)
            }}
          />
        )}
      </Heading>
      {!isNamed && (
        <p class="empty">
          This address names no event. Go to one from <a href={address('streams')}>Streams</a>.
        </p>
      )}
      {error?.status === 404 && id !== undefined && (
        <p class="empty">
          The cause of an event can be a command, which no store records. It may also be the id of a
          correlation: <a href={address('trace', { correlation: id })}>look for its events</a>.
        </p>
      )}
      {isNamed && <Result result={result}>{(found) => <EventParts event={found} />}</Result>}
    </>
  )
}

function EventParts({ event }: { readonly event: EventShape }) {
  const { id, streamId, version, position, tags, recordedAt, data, metadata } = event
  return (
    <>
      <Facts
        facts={{
          Stream: <a href={address('stream', { id: streamId, version })}>{streamId}</a>,
          Version: (
            <>
              {digits(version)}
              {version > 1 && (
                <>
                  {' · '}
                  <a href={address('stream', { id: streamId, version: version - 1 })}>the one before</a>
                </>
              )}
            </>
          ),
          Position: digits(position),
          Recorded: (
            <>
              <Time at={recordedAt} isExact /> UTC (<Time at={recordedAt} />)
            </>
          ),
          Id: <code>{id}</code>,
          Tags: tags.length === 0 ? 'none' : <Tags tags={tags} />,
        }}
      />
      <EventLinks event={event} isAlone />
      <h2>Data</h2>
      <JsonView value={data} label="Data" />
      <h2>Metadata</h2>
      <JsonView value={metadata} label="Metadata" />
    </>
  )
}
