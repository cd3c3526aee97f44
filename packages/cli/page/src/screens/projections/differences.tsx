/** The documents that a verification has found to differ from what the events say. */
import type { Job } from '../../../../src/console/shapes/projection.ts'
import { JsonView } from '../../parts/json-view.tsx'
import { counted } from '../../parts/number.ts'
import { address } from '../../route.ts'

interface DifferencesProps {
  readonly projection: string
  readonly differences: NonNullable<Job['differences']>
}

const mostShown = 50

export function Differences({ projection, differences }: DifferencesProps) {
  const more = differences.length - mostShown
  return (
    <>
      <ul class="differences">
        {differences.slice(0, mostShown).map(({ key, expected, actual }) => (
          <li key={key}>
            <details>
              <summary>
                {key}
                {expected === undefined && ' – should not exist'}
                {actual === undefined && ' – is missing'}
              </summary>
              <p>
                <a href={address('document', { projection, key })}>To the document</a>
              </p>
              <div class="beside">
                <section>
                  <h4>Expected, from the events</h4>
                  <JsonView value={expected} label={`Expected state of ${key}`} />
                </section>
                <section>
                  <h4>Actual</h4>
                  <JsonView value={actual} label={`Actual state of ${key}`} />
                </section>
              </div>
            </details>
          </li>
        ))}
      </ul>
      {more > 0 && <p class="empty">And {counted(more, 'document')} more.</p>}
    </>
  )
}
