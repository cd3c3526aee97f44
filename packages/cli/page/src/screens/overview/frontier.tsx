/** Up to where readers see the log, and which open appends hold them back. */
import type { Overview, Sample } from '../../../../src/console/shapes/store.ts'
import { Facts } from '../../parts/facts.tsx'
import { counted, digits } from '../../parts/number.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { duration, Time } from '../../parts/time.tsx'
import { address } from '../../route.ts'

type FrontierShape = Overview['frontier']
type Writer = FrontierShape['writers'][number]

interface FrontierProps {
  readonly frontier: FrontierShape
  /** The latest sample, which is newer than the overview. */
  readonly sample: Sample | undefined
}

const columns: readonly Column<Writer>[] = [
  {
    title: 'Open for',
    cell: ({ openTime }) => (openTime === undefined ? 'unknown' : duration(openTime)),
    isNumber: true,
  },
  { title: 'Application', cell: ({ applicationName }) => applicationName || '–', isHeader: true },
  { title: 'Session', cell: ({ pid, slot }) => pid ?? (slot === undefined ? '–' : `slot ${slot}`) },
  { title: 'State', cell: ({ state }) => state ?? '–' },
]

export function Frontier({ frontier: { writers, last, ...read }, sample }: FrontierProps) {
  const { position, head } = sample === undefined || sample.position < read.position ? read : sample
  const heldBack = Math.max(0, head - position)
  const heldFor = sample?.heldFor ?? Math.max(0, ...writers.map(({ openTime = 0 }) => openTime))
  return (
    <section>
      <h2>Frontier</h2>
      <Facts
        facts={{
          'Readers see up to position': digits(position),
          'Log ends at': digits(head),
          'Held back':
            heldBack === 0 ? 'nothing' : `${counted(heldBack, 'position')}, for ${duration(heldFor)}`,
          'Last event': last && (
            <>
              <Time at={last.recordedAt} />,{' '}
              <a href={address('event', { position: last.position })}>position {digits(last.position)}</a>
            </>
          ),
        }}
      />
      {writers.length > 0 && (
        <>
          <p>
            {counted(writers.length, 'append is', 'appends are')} open. Readers see later events only after
            they have ended.
          </p>
          <Table
            label="Open appends"
            columns={columns}
            rows={writers.slice(0, 100)}
            keyOf={({ pid, slot, openTime }) => `${pid} ${slot} ${openTime}`}
            empty="None."
          />
        </>
      )}
    </section>
  )
}
