/** The events of a stream, newest or oldest first, page by page. */
import { useEffect } from 'preact/hooks'
import type { EventShape } from '../../../../src/console/shapes/event.ts'
import type { Timeline } from '../../../../src/console/shapes/stream.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { digits } from '../../parts/number.ts'
import { Result } from '../../parts/result.tsx'
import { summary } from '../../parts/short-text.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { Tabs } from '../../parts/tabs.tsx'
import { Tags } from '../../parts/tags.tsx'
import { Time } from '../../parts/time.tsx'
import { address } from '../../route.ts'
import type { ScreenProps } from '../screen.ts'

interface EventListProps {
  readonly params: ScreenProps['params']
  /** The version that the slider shows. */
  readonly version: number
  /** The last version of the stream. */
  readonly last: number
}

export function EventList({ params, version, last }: EventListProps) {
  const { id, order, from } = params
  const direction = order === 'oldest' ? 'forward' : 'backward'
  const result = useAnswer<Timeline>('stream', { id, direction, from, limit: 50 }, { keep: true })
  useEffect(() => {
    if (result.answer !== undefined && result.answer.stream.version < last) result.reload()
  }, [last])
  const here = (changes: Record<string, string | number | undefined>) =>
    address('stream', { ...params, ...changes })
  const isElsewhere =
    version > 0 && result.answer?.events.every((event) => event.version !== version) === true
  const columns: readonly Column<EventShape>[] = [
    {
      title: 'Version',
      cell: ({ version, type }) => (
        <a
          href={here({ version })}
          aria-label={`Version ${version}, ${type}`}
          onClick={() => document.getElementById('time-travel')?.scrollIntoView({ block: 'nearest' })}
        >
          {version}
        </a>
      ),
      isNumber: true,
    },
    {
      title: 'Type',
      cell: ({ type, position }) => <a href={address('event', { position })}>{type}</a>,
      isHeader: true,
    },
    { title: 'Recorded (UTC)', cell: ({ recordedAt }) => <Time at={recordedAt} isExact /> },
    {
      title: 'Data',
      cell: ({ data }) => <code class="summary">{summary(data)}</code>,
    },
    { title: 'Tags', cell: ({ tags }) => <Tags tags={tags} /> },
  ]
  return (
    <section aria-label="Events">
      <div class="heading list-head">
        <h2>Events</h2>
        <Tabs
          label="Order of the events"
          tabs={[
            {
              title: 'Newest first',
              href: here({ order: undefined, from: undefined }),
              isPresent: order !== 'oldest',
            },
            {
              title: 'Oldest first',
              href: here({ order: 'oldest', from: undefined }),
              isPresent: order === 'oldest',
            },
          ]}
        />
        {isElsewhere && (
          <a
            href={here({ from: order === 'oldest' ? Math.max(1, version - 5) : Math.min(last, version + 5) })}
          >
            Around version {digits(version)}
          </a>
        )}
      </div>
      <Result result={result}>
        {({ events, next }) => (
          <Table
            label="Events of the stream"
            columns={columns}
            rows={events}
            keyOf={({ version }) => version}
            isPresent={(event) => event.version === version}
            empty="The stream has no events here."
            next={next === undefined ? undefined : here({ from: next })}
            first={from === undefined ? undefined : here({ from: undefined })}
          />
        )}
      </Result>
    </section>
  )
}
