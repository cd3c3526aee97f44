/** The partitions of a subscription, with the worker that holds each. */
import type { SubscriptionDetail } from '../../../../src/console/shapes/subscription.ts'
import { counted, digits } from '../../parts/number.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { ownerOf } from './owner.tsx'

type Partition = SubscriptionDetail['partitions'][number]

const mostShown = 200
const part = (owner: string | undefined, name: 'host' | 'process' | 'worker') =>
  owner === undefined ? '–' : ownerOf(owner)[name] || '–'

const columns: readonly Column<Partition>[] = [
  {
    title: 'Partition',
    cell: ({ partition }) => (
      <>
        <span class="only-cards">Partition </span>
        {partition}
      </>
    ),
    isHeader: true,
  },
  { title: 'Checkpoint', cell: ({ checkpoint }) => digits(checkpoint), isNumber: true },
  {
    title: 'Host',
    cell: ({ owner }) =>
      owner === undefined ? <span class="badge warning">no worker</span> : part(owner, 'host'),
  },
  { title: 'Process', cell: ({ owner }) => part(owner, 'process') },
  { title: 'Worker', cell: ({ owner }) => <code>{part(owner, 'worker')}</code> },
]

export function Partitions({ partitions }: { readonly partitions: readonly Partition[] }) {
  return (
    <>
      <Table
        label="Partitions"
        columns={columns}
        rows={partitions.slice(0, mostShown)}
        keyOf={({ partition }) => partition}
        empty="It has no partitions."
      />
      {partitions.length > mostShown && (
        <p class="empty">And {counted(partitions.length - mostShown, 'partition')} more.</p>
      )}
    </>
  )
}
