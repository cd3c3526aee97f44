/** `#/overview`: is the store well, what holds readers back, and how busy is it? */
import type { Overview } from '../../../../src/console/shapes/store.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { useSamples } from '../../api/use-samples.ts'
import { Heading } from '../../parts/heading.tsx'
import { Result } from '../../parts/result.tsx'
import { Checks, StatusBadge } from './checks.tsx'
import { Frontier } from './frontier.tsx'
import { Plots } from './plots.tsx'

const every = 5_000

export function OverviewScreen() {
  const result = useAnswer<Overview>('overview', {}, { every, keep: true })
  const samples = useSamples()
  return (
    <>
      <Heading title="Overview">
        {result.answer !== undefined && <StatusBadge status={result.answer.status} />}
      </Heading>
      <Result result={result}>
        {({ checks, frontier }) => (
          <>
            <Checks checks={checks} />
            <Frontier frontier={frontier} sample={samples.at(-1)} />
          </>
        )}
      </Result>
      <Plots samples={samples} />
    </>
  )
}
