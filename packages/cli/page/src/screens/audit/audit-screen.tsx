/** `#/audit`: what operators did, by the command line and by the console. */
import type { Audit, AuditEntryShape } from '../../../../src/console/shapes/store.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { Heading } from '../../parts/heading.tsx'
import { Result } from '../../parts/result.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { address } from '../../route.ts'

const every = 5_000
const limit = 200
const longestDetails = 300

const badges = { started: 'warning', done: 'good', failed: 'bad' } as const

const columns: readonly Column<AuditEntryShape>[] = [
  { title: 'When', cell: ({ at }) => <Time at={at} /> },
  { title: 'Who', cell: ({ actor }) => actor },
  { title: 'Action', cell: ({ action }) => <code>{action}</code>, isHeader: true },
  { title: 'Target', cell: (entry) => <Target entry={entry} />, isName: true },
  {
    title: 'Outcome',
    cell: ({ outcome }) => (
      <span
        class={`badge ${badges[outcome]}`}
        title={outcome === 'started' ? 'It runs, or its process has died.' : undefined}
      >
        {outcome}
      </span>
    ),
  },
  {
    title: 'Details',
    cell: ({ details, error, reason }) => (
      <>
        {details !== undefined && <code class="summary">{shortened(details)}</code>}
        {reason !== undefined && <div>{reason}</div>}
        {error !== undefined && <div class="problem">{error}</div>}
        {details === undefined && error === undefined && reason === undefined && '–'}
      </>
    ),
  },
]

export function AuditScreen() {
  const result = useAnswer<Audit>('audit', { limit }, { every, keep: true })
  return (
    <>
      <Heading title="Audit" />
      <Result result={result}>
        {({ entries }) => (
          <>
            <Table
              label="What operators did, the newest first"
              columns={columns}
              rows={entries}
              keyOf={({ id }) => id}
              empty="No operator has changed this store by the console or the command line."
            />
            {entries.length === limit && (
              <p class="empty">
                These are the newest {limit} actions. <code>eventsourced audit</code> lists older ones.
              </p>
            )}
          </>
        )}
      </Result>
    </>
  )
}

function shortened(details: unknown): string {
  const text = JSON.stringify(details)
  return text.length > longestDetails ? `${text.slice(0, longestDetails)}…` : text
}

function Target({ entry: { action, target } }: { readonly entry: AuditEntryShape }) {
  const place = placeOf(action, target)
  return place === undefined ? target : <a href={place}>{target}</a>
}

/** The address of a target, if it still has one. */
function placeOf(action: string, target: string): string | undefined {
  if (action === 'subscriptions.remove' || action === 'projections.drop') return undefined
  if (action.startsWith('subscriptions.')) return address('subscription', { name: target })
  if (action.startsWith('parked.')) return address('parked', { subscription: target })
  if (action.startsWith('projections.')) return address('documents', { projection: target })
  return undefined
}
