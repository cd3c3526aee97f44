/** Events of the log as rows. */
import type { EventShape } from '../../../../src/console/shapes/event.ts'
import { digits } from '../../parts/number.ts'
import { summary } from '../../parts/short-text.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { Tags } from '../../parts/tags.tsx'
import { Time } from '../../parts/time.tsx'
import { address } from '../../route.ts'

const columns: readonly Column<EventShape>[] = [
  {
    title: 'Position',
    cell: ({ position }) => <a href={address('event', { position })}>{digits(position)}</a>,
    isNumber: true,
  },
  { title: 'Type', cell: ({ type }) => type, isHeader: true, isName: true },
  {
    title: 'Stream',
    cell: ({ streamId, version }) => (
      <>
        <a href={address('stream', { id: streamId, version })}>{streamId}</a>{' '}
        <span class="soft">v{version}</span>
      </>
    ),
    isName: true,
  },
  {
    title: 'Data',
    cell: ({ data, tags }) => (
      <>
        <code class="summary">{summary(data)}</code> <Tags tags={tags.slice(0, 5)} />
      </>
    ),
  },
  { title: 'Recorded', cell: ({ recordedAt }) => <Time at={recordedAt} isExact /> },
]

interface EventRowsProps {
  readonly events: readonly EventShape[]
  readonly empty: string
  /** The address of older events. */
  readonly next?: string | undefined
}

export function EventRows({ events, empty, next }: EventRowsProps) {
  return (
    <Table
      label="Events, the newest first"
      columns={columns}
      rows={events}
      keyOf={({ position }) => position}
      empty={empty}
      next={next}
      nextTitle="Older events"
    />
  )
}
