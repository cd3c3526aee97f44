/** One subscription: how it is, its partitions with their owners, the trend of its lag, and what an operator can do. */
import { useMemo, useState } from 'preact/hooks'
import type { SubscriptionDetail, SubscriptionShape } from '../../../../src/console/shapes/subscription.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { useSamples } from '../../api/use-samples.ts'
import { Facts } from '../../parts/facts.tsx'
import { Heading } from '../../parts/heading.tsx'
import { Notice } from '../../parts/notice.tsx'
import { digits, shortDigits } from '../../parts/number.ts'
import { Result } from '../../parts/result.tsx'
import { duration, Time } from '../../parts/time.tsx'
import { Plot } from '../../plots/plot.tsx'
import { tracksOf } from '../../plots/tracks.ts'
import { address } from '../../route.ts'
import { Operations } from './operations.tsx'
import { Partitions } from './partitions.tsx'
import { State } from './state.tsx'

const every = 2_000

export function SubscriptionDetails({ name }: { readonly name: string }) {
  const result = useAnswer<SubscriptionDetail>('subscription', { name }, { every, keep: true })
  const [notice, setNotice] = useState<string>()
  const samples = useSamples()
  const tracks = useMemo(() => tracksOf(samples, { [name]: ({ lags }) => lags[name] }), [samples, name])
  const done = (text: string) => {
    setNotice(text)
    result.reload()
  }
  return (
    <>
      <p class="way">
        <a href={address('subscriptions')}>Subscriptions</a>
      </p>
      <Heading title={name}>
        {result.answer !== undefined && <State subscription={result.answer.subscription} />}
      </Heading>
      <Notice text={notice} />
      <Result result={result}>
        {({ subscription, partitions }) => (
          <>
            <Operations subscription={subscription} done={done} />
            <Facts facts={factsOf(subscription)} />
            <div class="beside">
              <section>
                <h2>Partitions</h2>
                <Partitions partitions={partitions} />
              </section>
              <section>
                <h2>Trend</h2>
                <Plot
                  title="Lag"
                  note="In positions, over the last ten minutes."
                  tracks={tracks}
                  format={shortDigits}
                />
              </section>
            </div>
          </>
        )}
      </Result>
    </>
  )
}

function factsOf(subscription: SubscriptionShape) {
  const { name, kind, version, successor, types, streamPrefix, tags, parked } = subscription
  return {
    Kind: [kind ?? 'unknown', version === undefined ? undefined : `version ${version}`]
      .filter(Boolean)
      .join(', '),
    'Taken over by': successor && <a href={address('subscription', { name: successor })}>{successor}</a>,
    Lag: `${digits(subscription.lag)} positions`,
    Behind: subscription.lagTime === 0 ? 'nothing' : duration(subscription.lagTime),
    Checkpoint: digits(subscription.checkpoint),
    Parked:
      parked === 0 ? 'none' : <a href={address('parked', { subscription: name })}>{digits(parked)} events</a>,
    'Types of events': types?.join(', ') ?? 'all',
    Streams: streamPrefix === undefined ? 'all' : `id begins with “${streamPrefix}”`,
    Tags: tags?.join(', '),
    'Handler writes in the same transaction': subscription.transactional ? 'yes' : 'no',
    Registered: <Time at={subscription.createdAt} />,
  }
}
