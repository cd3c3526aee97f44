/** `#/audit`: what operators did, by the command line and by the console. */
import type { Audit } from '../../../../src/console/shapes/store.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { Heading } from '../../parts/heading.tsx'
import { Result } from '../../parts/result.tsx'
import { summary } from '../../parts/short-text.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { address } from '../../route.ts'
import type { ScreenProps } from '../screen.ts'
import { type Deed, deedsOf } from './deeds.ts'

const every = 5_000
const limit = 200

const badges = { running: 'warning', done: 'good', failed: 'bad' } as const

const columns: readonly Column<Deed>[] = [
  { title: 'When', cell: ({ at }) => <Time at={at} /> },
  { title: 'Who', cell: ({ actor }) => actor },
  { title: 'Action', cell: ({ action }) => <code>{action}</code>, isHeader: true },
  {
    title: 'Target',
    cell: ({ target, place }) => (place === undefined ? target : <a href={place}>{target}</a>),
  },
  {
    title: 'Outcome',
    cell: ({ outcome }) => (
      <span
        class={`badge ${badges[outcome]}`}
        title={
          outcome === 'running'
            ? 'Its end is not on this page: it runs, was cut off, or ended later.'
            : undefined
        }
      >
        {outcome === 'running' ? 'begun' : outcome}
      </span>
    ),
  },
  {
    title: 'Details',
    cell: ({ details, error, reason }) => (
      <>
        {details !== undefined && <code class="summary">{summary(details)}</code>}
        {reason !== undefined && <div>{reason}</div>}
        {error !== undefined && <div class="problem">{error}</div>}
        {details === undefined && error === undefined && reason === undefined && '–'}
      </>
    ),
  },
]

export function AuditScreen({ params: { before } }: ScreenProps) {
  const result = useAnswer<Audit>('audit', { before, limit }, { every, keep: true })
  return (
    <>
      <Heading title="Audit">{before !== undefined && <a href={address('audit')}>Newest entries</a>}</Heading>
      <Result result={result}>
        {({ entries, next }) => (
          <Table
            label="What operators did, the newest first"
            columns={columns}
            rows={deedsOf(entries)}
            keyOf={({ id }) => id}
            empty="No operator has changed this store by the console or the command line."
            next={next === undefined ? undefined : address('audit', { before: next })}
            nextTitle="Older entries"
          />
        )}
      </Result>
    </>
  )
}
