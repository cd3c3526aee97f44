/** A rebuild or a verification: how far it is, or what came of it. */
import type { Job } from '../../../../src/console/shapes/projection.ts'
import { ActionButton } from '../../parts/action-button.tsx'
import { counted, digits, shortDigits } from '../../parts/number.ts'
import { duration, Time } from '../../parts/time.tsx'
import { Differences } from './differences.tsx'

const titles = { rebuild: 'Rebuild', verify: 'Verification' } as const

export function JobCard({ job }: { readonly job: Job }) {
  const { id, kind, projection, state, startedAt, error, differences } = job
  const title = `${titles[kind]} of ${projection}`
  return (
    <li class="job" aria-label={title}>
      <div class="head">
        <h3>{title}</h3>
        <Outcome job={job} />
        <span class="soft">
          <Time at={startedAt} />
        </span>
        {state === 'running' && (
          <ActionButton
            label="Cancel"
            path="jobs/cancel"
            body={{ id }}
            consequence={
              kind === 'rebuild'
                ? 'The rebuild stops. The next one resumes where it has stopped.'
                : 'The verification stops without a result.'
            }
            done={() => {}}
          />
        )}
      </div>
      {state === 'running' ? <Progress job={job} title={title} /> : <p class="soft">{doneWords(job)}</p>}
      {error !== undefined && <p class="problem">{error}</p>}
      {differences !== undefined && differences.length > 0 && (
        <Differences projection={projection} differences={differences} />
      )}
    </li>
  )
}

function Outcome({ job: { kind, state, differences } }: { readonly job: Job }) {
  if (state === 'running') return <span class="badge">running</span>
  if (state === 'failed') return <span class="badge bad">failed</span>
  if (state === 'cancelled') return <span class="badge warning">cancelled</span>
  if (kind === 'rebuild' || differences === undefined) return <span class="badge good">done</span>
  if (differences.length === 0) return <span class="badge good">the documents are right</span>
  return <span class="badge bad">{counted(differences.length, 'document differs', 'documents differ')}</span>
}

function Progress({ job, title }: { readonly job: Job; readonly title: string }) {
  const { position, lastPosition, events, eventsPerSecond, timeLeft } = job
  return (
    <>
      <progress value={position} max={Math.max(1, lastPosition)} aria-label={`Progress: ${title}`} />
      <p class="soft">
        Position {digits(position)} of {digits(lastPosition)} · {counted(events, 'event')} ·{' '}
        {shortDigits(eventsPerSecond)} events/s ·{' '}
        {timeLeft === undefined ? 'time left unknown' : `${duration(timeLeft)} left`}
      </p>
    </>
  )
}

function doneWords({ position, events, startedAt, endedAt }: Job): string {
  const took = endedAt === undefined ? '' : ` in ${duration(Date.parse(endedAt) - Date.parse(startedAt))}`
  return `${counted(events, 'event')}${took}, up to position ${digits(position)}`
}
