/** The folded state at a version, with what its event changed. */
import { useId } from 'preact/hooks'
import type { StateShape } from '../../../../src/console/shapes/stream.ts'
import type { Stepped } from '../../api/use-stepped.ts'
import { CopyButton } from '../../parts/copy-button.tsx'
import { JsonView } from '../../parts/json-view.tsx'
import { digits } from '../../parts/number.ts'
import { useStore } from '../../store.ts'
import { ChangeList } from './change-list.tsx'
import { noDecider } from './choose-decider.ts'
import { StepProblem } from './step-problem.tsx'

interface StatePanelProps {
  readonly state: Stepped<StateShape>
  readonly decider: string | undefined
  readonly choose: (decider: string) => void
}

export function StatePanel({ state, decider, choose }: StatePanelProps) {
  const { deciders } = useStore()
  const id = useId()
  const { answer } = state
  return (
    <section class="panel" aria-label="State" aria-busy={state.isLoading}>
      <div class="panel-head">
        <h2>State{answer && ` at version ${digits(answer.version)}`}</h2>
        {deciders.length > 0 && (
          <label for={id}>
            folded by{' '}
            <select
              id={id}
              value={decider ?? noDecider}
              onChange={({ currentTarget }) => choose(currentTarget.value)}
            >
              <option value={noDecider}>no decider</option>
              {deciders.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
        {answer && <CopyButton label="Copy" text={() => JSON.stringify(answer.state, undefined, 2)} />}
      </div>
      <StepProblem error={state.error} />
      {decider === undefined && <WithoutDecider isAnyKnown={deciders.length > 0} />}
      {answer && (
        <>
          {answer.version > 0 && <ChangeList changes={answer.changes} hasMore={answer.hasMoreChanges} />}
          <JsonView
            value={answer.state}
            label={`State at version ${answer.version}`}
            changes={answer.changes}
          />
        </>
      )}
    </section>
  )
}

function WithoutDecider({ isAnyKnown }: { readonly isAnyKnown: boolean }) {
  if (isAnyKnown) {
    return <p class="empty">Choose the decider that folds this stream, to see its state at each version.</p>
  }
  return (
    <div class="empty">
      <p>
        The console knows no decider, so it shows events without states. Export your deciders from a config
        file, and start the console with it:
      </p>
      <pre class="example">{`// eventsourced.config.ts
import { postgresStore } from '@eventsourced/core/postgres'
import { order } from './order.js'

export const store = postgresStore('postgres://…')
export const deciders = { order }`}</pre>
    </div>
  )
}
