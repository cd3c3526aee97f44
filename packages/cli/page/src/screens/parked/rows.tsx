/** Parked events as rows, with a box to choose each. */
import type { ParkedShape } from '../../../../src/console/shapes/subscription.ts'
import { digits } from '../../parts/number.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { address } from '../../route.ts'

interface RowsProps {
  readonly subscription: string
  readonly events: readonly ParkedShape[]
  readonly chosen: ReadonlySet<number>
  readonly choose: (chosen: ReadonlySet<number>) => void
  readonly empty: string
  readonly next: string | undefined
}

const longestError = 200
const badges = { parked: 'bad', blocked: 'warning', retrying: '' } as const
const meanings = {
  parked: 'its handler has failed',
  blocked: 'it waits behind an earlier event of its stream',
  retrying: 'a worker is about to handle it',
} as const

export function Rows({ subscription, events, chosen, choose, empty, next }: RowsProps) {
  const areAllChosen = events.length > 0 && events.every(({ position }) => chosen.has(position))
  const toggle = (position: number) => {
    const changed = new Set(chosen)
    if (!changed.delete(position)) changed.add(position)
    choose(changed)
  }
  const columns: readonly Column<ParkedShape>[] = [
    {
      title: 'Chosen',
      cell: ({ position, type, streamId }) => (
        <input
          type="checkbox"
          aria-label={`Choose ${type} of ${streamId} at position ${position}`}
          checked={chosen.has(position)}
          onChange={() => toggle(position)}
        />
      ),
    },
    {
      title: 'Event',
      cell: ({ position, type }) => <a href={address('parked', { subscription, position })}>{type}</a>,
      isHeader: true,
      isName: true,
    },
    {
      title: 'Stream',
      cell: ({ streamId }) => <a href={address('stream', { id: streamId })}>{streamId}</a>,
      isName: true,
    },
    {
      title: 'State',
      cell: ({ state }) => (
        <span class={`badge ${badges[state]}`} title={meanings[state]}>
          {state}
        </span>
      ),
    },
    {
      title: 'Error',
      cell: ({ error }) => (error.length > longestError ? `${error.slice(0, longestError)}…` : error || '–'),
    },
    { title: 'Failures', cell: ({ failures }) => digits(failures), isNumber: true },
    { title: 'Parked', cell: ({ parkedAt }) => <Time at={parkedAt} /> },
  ]
  return (
    <>
      {events.length > 1 && (
        <label class="choose-all">
          <input
            type="checkbox"
            checked={areAllChosen}
            onChange={() => choose(new Set(areAllChosen ? [] : events.map(({ position }) => position)))}
          />{' '}
          Choose all {digits(events.length)} on this page
        </label>
      )}
      <Table
        label={`Parked events of ${subscription}`}
        columns={columns}
        rows={events}
        keyOf={({ position }) => position}
        empty={empty}
        next={next}
      />
    </>
  )
}
