/** `#/stream?id&version&decider&order&from`: one stream, its versions, and its events. */
import type { StreamShape, Timeline } from '../../../../src/console/shapes/stream.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { CopyButton } from '../../parts/copy-button.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Heading } from '../../parts/heading.tsx'
import { digits } from '../../parts/number.ts'
import { Result } from '../../parts/result.tsx'
import { summary } from '../../parts/short-text.ts'
import { Time } from '../../parts/time.tsx'
import { address, changeParams } from '../../route.ts'
import { useStore } from '../../store.ts'
import type { ScreenProps } from '../screen.ts'
import { chooseDecider } from './choose-decider.ts'
import { EventList } from './event-list.tsx'
import { TimeTravel } from './time-travel.tsx'
import { useVersion } from './use-version.ts'

/** How often the screen asks for new events of its stream, in milliseconds. */
const pause = 2_000

export function StreamScreen({ params }: ScreenProps) {
  const { id } = params
  const result = useAnswer<Timeline>(
    id === undefined ? undefined : 'stream',
    { id, direction: 'backward', limit: 1 },
    { every: pause, keep: true },
  )
  if (id === undefined) {
    return (
      <p class="empty">
        This address names no stream. Choose one of the <a href={address('streams')}>streams</a>.
      </p>
    )
  }
  return (
    <>
      <Heading title={id}>
        <CopyButton label="Copy id" text={() => id} />
      </Heading>
      <Result result={result}>{({ stream }) => <StreamBody stream={stream} params={params} />}</Result>
    </>
  )
}

interface StreamBodyProps {
  readonly stream: StreamShape
  readonly params: ScreenProps['params']
}

function StreamBody({ stream, params }: StreamBodyProps) {
  const { deciders } = useStore()
  const decider = chooseDecider(deciders, stream.streamId, params.decider)
  const last = stream.version
  const first = decider === undefined ? Math.min(1, last) : 0
  const shown = useVersion(params.version, first, last)
  const { version, createdAt, lastRecordedAt, metadata } = stream
  return (
    <>
      <Facts
        facts={{
          Events: digits(version),
          'Last event': <Time at={lastRecordedAt} />,
          Created: <Time at={createdAt} />,
          Metadata: Object.keys(metadata).length === 0 ? undefined : summary(metadata),
        }}
      />
      {last > 0 && (
        <TimeTravel
          stream={stream}
          decider={decider}
          choose={(decider) => changeParams({ decider })}
          shown={shown}
          first={first}
        />
      )}
      <EventList params={params} version={shown.version} last={last} />
    </>
  )
}
