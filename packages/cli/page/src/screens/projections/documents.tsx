/** The documents of a projection, by the beginning of their keys. */
import type { DocumentPage, DocumentShape } from '../../../../src/console/shapes/projection.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { ActionButton } from '../../parts/action-button.tsx'
import { Heading } from '../../parts/heading.tsx'
import { digits } from '../../parts/number.ts'
import { Result } from '../../parts/result.tsx'
import { SearchField } from '../../parts/search-field.tsx'
import { summary } from '../../parts/short-text.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { address, changeParams, go } from '../../route.ts'

interface DocumentsProps {
  readonly projection: string
  readonly prefix: string
  readonly after: string | undefined
}

export function Documents({ projection, prefix, after }: DocumentsProps) {
  const result = useAnswer<DocumentPage>('documents', { projection, prefix, after }, { keep: true })
  const columns: readonly Column<DocumentShape>[] = [
    {
      title: 'Key',
      cell: ({ key }) => <a href={address('document', { projection, key })}>{key}</a>,
      isHeader: true,
      isName: true,
    },
    { title: 'State', cell: ({ state }) => <code class="summary">{summary(state)}</code> },
    { title: 'Revision', cell: ({ revision }) => digits(revision), isNumber: true },
    {
      title: 'Changed by event',
      cell: ({ position }) =>
        position === 0 ? '–' : <a href={address('event', { position })}>{digits(position)}</a>,
      isNumber: true,
    },
  ]
  return (
    <>
      <p class="way">
        <a href={address('projections')}>Projections</a>
      </p>
      <Heading title={projection}>
        <SearchField
          label="Key begins with"
          value={prefix}
          change={(prefix) => changeParams({ prefix, after: undefined })}
        />
      </Heading>
      <Result result={result}>
        {({ documents, next }) => (
          <Table
            label={`Documents of ${projection}`}
            columns={columns}
            rows={documents}
            keyOf={({ key }) => key}
            empty={
              prefix === ''
                ? 'No documents: it was not built, handles none of the events, or does not exist.'
                : 'No document has a key that begins so.'
            }
            next={next === undefined ? undefined : address('documents', { projection, prefix, after: next })}
          />
        )}
      </Result>
      <details class="all">
        <summary>Drop this projection</summary>
        <p>
          If no process runs it any more, its documents can be deleted.{' '}
          <ActionButton
            label="Drop"
            path="projections/drop"
            body={{ name: projection }}
            name={projection}
            consequence={`This deletes all documents of '${projection}'.`}
            done={() => go(address('projections'))}
          />
        </p>
      </details>
    </>
  )
}
