/** The projections, with their rebuilds and verifications as they run. */
import { useState } from 'preact/hooks'
import type { Job, Jobs, ProjectionShape, Projections } from '../../../../src/console/shapes/projection.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { useLive } from '../../api/use-live.ts'
import { ActionButton } from '../../parts/action-button.tsx'
import { Heading } from '../../parts/heading.tsx'
import { Notice } from '../../parts/notice.tsx'
import { digits } from '../../parts/number.ts'
import { Result } from '../../parts/result.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { duration } from '../../parts/time.tsx'
import { address } from '../../route.ts'
import { JobCard } from './job.tsx'
import { Unknown } from './unknown.tsx'

const every = 3_000
const mostShown = 500

export function ProjectionList() {
  const result = useAnswer<Projections>('projections', {}, { every, keep: true })
  const [jobs, setJobs] = useState<readonly Job[]>([])
  const [notice, setNotice] = useState<string>()
  useLive<Jobs>('jobs/live', {}, 'jobs', ({ jobs }) => setJobs(jobs))
  const started = ({ kind, projection }: Job) => {
    setNotice(`${kind === 'rebuild' ? 'Rebuild' : 'Verification'} of ${projection} has begun.`)
    result.reload()
  }
  const isRunning = (name: string) =>
    jobs.some(({ projection, state }) => projection === name && state === 'running')
  return (
    <>
      <Heading title="Projections" />
      <Notice text={notice} />
      <Result result={result}>
        {({ projections }) => (
          <>
            <Table
              label="Projections"
              columns={columnsOf(isRunning, started)}
              rows={projections.slice(0, mostShown)}
              keyOf={({ name }) => name}
              empty="No projection was ever started or built on this store."
            />
            <Unknown names={projections.filter(({ isKnown }) => !isKnown).map(({ name }) => name)} />
          </>
        )}
      </Result>
      {jobs.length > 0 && (
        <section>
          <h2>Rebuilds and verifications</h2>
          <ul class="jobs">
            {jobs.map((job) => (
              <JobCard key={job.id} job={job} />
            ))}
          </ul>
        </section>
      )}
    </>
  )
}

function columnsOf(
  isRunning: (name: string) => boolean,
  started: (job: Job) => void,
): readonly Column<ProjectionShape>[] {
  return [
    {
      title: 'Projection',
      cell: ({ name }) => <a href={address('documents', { projection: name })}>{name}</a>,
      isHeader: true,
      isName: true,
    },
    { title: 'Mode', cell: ({ mode }) => mode },
    { title: 'Version', cell: ({ version }) => (version === 0 ? '–' : version), isNumber: true },
    { title: 'State', cell: (projection) => <State projection={projection} /> },
    {
      title: 'Lag',
      cell: ({ name, lag }) =>
        lag === undefined ? '–' : <a href={address('subscription', { name })}>{digits(lag)}</a>,
      isNumber: true,
    },
    { title: 'Behind', cell: ({ lagTime }) => (lagTime ? duration(lagTime) : '–'), isNumber: true },
    {
      title: 'Actions',
      cell: ({ name, isKnown }) =>
        isKnown ? (
          <div class="buttons">
            <ActionButton<Job>
              label="Rebuild"
              path="projections/rebuild"
              body={{ name }}
              isOff={isRunning(name)}
              consequence={`All events are folded into new documents of '${name}'. Readers get the present documents until it is done.`}
              done={started}
            />
            <ActionButton<Job>
              label="Verify"
              path="projections/verify"
              body={{ name }}
              isOff={isRunning(name)}
              done={started}
            />
          </div>
        ) : (
          <span class="soft">not known here</span>
        ),
    },
  ]
}

function State({ projection: { building, isBuildNeeded } }: { readonly projection: ProjectionShape }) {
  return (
    <>
      {isBuildNeeded ? (
        <span class="badge bad">needs a rebuild</span>
      ) : (
        building === undefined && <span class="badge good">built</span>
      )}
      {building !== undefined && <span class="badge warning">version {building} is being built</span>}
    </>
  )
}
