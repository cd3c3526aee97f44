/** One parked event: its error, its stack, and its data. */
import { useState } from 'preact/hooks'
import type { ParkedDetail } from '../../../../src/console/shapes/subscription.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { ActionButton } from '../../parts/action-button.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Heading } from '../../parts/heading.tsx'
import { JsonView } from '../../parts/json-view.tsx'
import { Notice } from '../../parts/notice.tsx'
import { digits } from '../../parts/number.ts'
import { Result } from '../../parts/result.tsx'
import { Time } from '../../parts/time.tsx'
import { address } from '../../route.ts'
import { retried, type Settled, skipped, skipping } from './settle.tsx'

const every = 2_000

interface ParkedDetailsProps {
  readonly subscription: string
  readonly position: number
}

export function ParkedDetails({ subscription, position }: ParkedDetailsProps) {
  const result = useAnswer<ParkedDetail>('parked-event', { subscription, position }, { every, keep: true })
  const [notice, setNotice] = useState<string>()
  const done = (text: string) => {
    setNotice(text)
    result.reload()
  }
  const body = { subscription, position }
  return (
    <>
      <p class="way">
        <a href={address('parked', { subscription })}>Parked events of {subscription}</a>
      </p>
      <Heading title={result.answer?.parked.type ?? `Position ${digits(position)}`} />
      <Notice text={notice} />
      {result.error?.status === 404 ? (
        <p class="empty">
          No event is parked at position {digits(position)}: a worker has handled it, an operator has skipped
          it, or it was never parked. <a href={address('event', { position })}>To the event</a>
        </p>
      ) : (
        <Result result={result}>
          {(detail) => (
            <>
              <div class="buttons actions">
                <ActionButton<Settled>
                  label="Retry"
                  path="parked/retry"
                  body={body}
                  isOff={detail.parked.state !== 'parked'}
                  done={(answer) => done(retried(answer))}
                />
                <ActionButton<Settled>
                  label="Skip"
                  path="parked/skip"
                  body={body}
                  name={subscription}
                  consequence={skipping('this event', subscription)}
                  done={(answer) => done(skipped(answer))}
                />
              </div>
              <Shown detail={detail} subscription={subscription} />
            </>
          )}
        </Result>
      )}
    </>
  )
}

interface ShownProps {
  readonly detail: ParkedDetail
  readonly subscription: string
}

function Shown({ detail: { parked, stack, events }, subscription }: ShownProps) {
  const { streamId, position, state, failures, parkedAt, error } = parked
  return (
    <>
      <Facts
        facts={{
          Subscription: <a href={address('subscription', { name: subscription })}>{subscription}</a>,
          Stream: <a href={address('stream', { id: streamId, version: events[0]?.version })}>{streamId}</a>,
          Position: <a href={address('event', { position })}>{digits(position)}</a>,
          State:
            state === 'blocked'
              ? 'blocked: it waits behind an earlier event of its stream'
              : state === 'retrying'
                ? 'retrying: a worker is about to handle it'
                : 'parked',
          Failures: digits(failures),
          Parked: <Time at={parkedAt} />,
        }}
      />
      <h2>Error</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reachable by the keyboard */}
      <section class="json" aria-label="Error and stack" tabIndex={0}>
        <pre>{stack ?? (error || 'none: its handler has not been called')}</pre>
      </section>
      {events.map(({ id, version, type, data, metadata }) => (
        <section key={`${id} ${version} ${type}`}>
          <h2>Data of {type}</h2>
          <JsonView value={data} label={`Data of ${type}`} />
          <h2>Metadata</h2>
          <JsonView value={metadata} label={`Metadata of ${type}`} />
        </section>
      ))}
      {events.length === 0 && <p class="empty">The catalogue of the store reads this event as no event.</p>}
    </>
  )
}
