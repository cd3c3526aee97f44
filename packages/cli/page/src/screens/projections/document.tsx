/** One document of a projection. */
import type { DocumentShape } from '../../../../src/console/shapes/projection.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { Facts } from '../../parts/facts.tsx'
import { Heading } from '../../parts/heading.tsx'
import { JsonView } from '../../parts/json-view.tsx'
import { digits } from '../../parts/number.ts'
import { Result } from '../../parts/result.tsx'
import { address } from '../../route.ts'

const every = 5_000

interface DocumentDetailsProps {
  readonly projection: string
  /** The key of the document. */
  readonly name: string
}

export function DocumentDetails({ projection, name }: DocumentDetailsProps) {
  const result = useAnswer<DocumentShape>('document', { projection, key: name }, { every })
  return (
    <>
      <p class="way">
        <a href={address('projections')}>Projections</a> ›{' '}
        <a href={address('documents', { projection })}>{projection}</a>
      </p>
      <Heading title={name} />
      <Result result={result}>
        {({ state, revision, position }) => (
          <>
            <Facts
              facts={{
                Revision: digits(revision),
                'Changed last by':
                  position === 0 ? (
                    'a handler'
                  ) : (
                    <a href={address('event', { position })}>the event at position {digits(position)}</a>
                  ),
              }}
            />
            <h2>State</h2>
            <JsonView value={state} label={`State of ${name}`} />
          </>
        )}
      </Result>
    </>
  )
}
