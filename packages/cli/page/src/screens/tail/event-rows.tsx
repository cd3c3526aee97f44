/** Events of the log as rows. */
import type { EventShape } from '../../../../src/console/shapes/event.ts'
import { digits } from '../../parts/number.ts'
import { shortJson } from '../../parts/short-json.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { address } from '../../route.ts'

const columns: readonly Column<EventShape>[] = [
  {
    title: 'Position',
    cell: ({ position }) => <a href={address('event', { position })}>{digits(position)}</a>,
    isNumber: true,
  },
  { title: 'Type', cell: ({ type }) => type, isHeader: true },
  {
    title: 'Stream',
    cell: ({ streamId, version }) => (
      <>
        <a href={address('stream', { id: streamId, version })}>{streamId}</a>{' '}
        <span class="hint">v{version}</span>
      </>
    ),
  },
  {
    title: 'Data',
    cell: ({ data, tags }) => (
      <>
        <code class="summary">{shortJson(data)}</code>
        {tags.slice(0, 5).map((tag) => (
          <span class="badge" key={tag}>
            {tag}
          </span>
        ))}
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
