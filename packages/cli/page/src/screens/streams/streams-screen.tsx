/** `#/streams`: the streams of the store. */
import type { StreamPage, StreamShape } from '../../../../src/console/shapes/stream.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { Heading } from '../../parts/heading.tsx'
import { Result } from '../../parts/result.tsx'
import { SearchField } from '../../parts/search-field.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { address, changeParams } from '../../route.ts'
import type { ScreenProps } from '../screen.ts'

const columns: readonly Column<StreamShape>[] = [
  {
    title: 'Stream',
    cell: ({ streamId }) => <a href={address('stream', { id: streamId })}>{streamId}</a>,
    isHeader: true,
  },
  { title: 'Version', cell: ({ version }) => version, isNumber: true },
  { title: 'Last event', cell: ({ lastRecordedAt }) => <Time at={lastRecordedAt} /> },
]

export function StreamsScreen({ params: { prefix = '', after } }: ScreenProps) {
  const result = useAnswer<StreamPage>('streams', { prefix, after }, { keep: true })
  return (
    <>
      <Heading title="Streams">
        <SearchField
          label="Id begins with"
          value={prefix}
          change={(prefix) => changeParams({ prefix, after: undefined })}
        />
      </Heading>
      <Result result={result}>
        {({ streams, next }) => (
          <Table
            label="Streams"
            columns={columns}
            rows={streams}
            keyOf={({ streamId }) => streamId}
            empty="No stream has an id that begins so."
            next={next === undefined ? undefined : address('streams', { prefix, after: next })}
          />
        )}
      </Result>
    </>
  )
}
