/** `#/streams`: the streams of the store, by id, the newest or the largest first. */
import type { StreamPage, StreamShape } from '../../../../src/console/shapes/stream.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { Heading } from '../../parts/heading.tsx'
import { digits } from '../../parts/number.ts'
import { Result } from '../../parts/result.tsx'
import { SearchField } from '../../parts/search-field.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { Tabs } from '../../parts/tabs.tsx'
import { Time } from '../../parts/time.tsx'
import { address, changeParams } from '../../route.ts'
import type { ScreenProps } from '../screen.ts'
import { GoTo } from './go-to.tsx'

const columns: readonly Column<StreamShape>[] = [
  {
    title: 'Stream',
    cell: ({ streamId }) => <a href={address('stream', { id: streamId })}>{streamId}</a>,
    isHeader: true,
  },
  { title: 'Events', cell: ({ version }) => digits(version), isNumber: true },
  { title: 'Last event', cell: ({ lastRecordedAt }) => <Time at={lastRecordedAt} /> },
  { title: 'Created', cell: ({ createdAt }) => <Time at={createdAt} /> },
]

const orders = [
  { value: 'id', title: 'By id' },
  { value: 'newest', title: 'Newest' },
  { value: 'largest', title: 'Largest' },
]

export function StreamsScreen({ params: { prefix = '', order = 'id', after } }: ScreenProps) {
  const result = useAnswer<StreamPage>('streams', { prefix, order, after }, { keep: true })
  const page = (after?: string) =>
    address('streams', { prefix, order: order === 'id' ? undefined : order, after })
  return (
    <>
      <Heading title="Streams">
        <SearchField
          label="Id begins with"
          value={prefix}
          change={(prefix) => changeParams({ prefix, after: undefined })}
        />
        <Tabs
          label="Order"
          tabs={orders.map(({ value, title }) => ({
            title,
            href: address('streams', { prefix, order: value === 'id' ? undefined : value }),
            isPresent: value === order,
          }))}
        />
        <GoTo />
      </Heading>
      <Result result={result}>
        {({ streams, next }) => (
          <Table
            label="Streams"
            columns={columns}
            rows={streams}
            keyOf={({ streamId }) => streamId}
            empty={emptyText(prefix, after, next)}
            next={next === undefined ? undefined : page(next)}
            nextTitle={order === 'newest' ? 'Older streams' : undefined}
            first={after === undefined ? undefined : page()}
          />
        )}
      </Result>
    </>
  )
}

function emptyText(prefix: string, after: string | undefined, next: string | undefined): string {
  if (next !== undefined) return 'No stream ends in this part of the log. The next page searches before it.'
  if (after !== undefined) return 'There are no more streams.'
  return prefix === '' ? 'The store has no streams yet.' : `No stream has an id that begins with “${prefix}”.`
}
