/** How many parked events have the same error. */
import type { ParkedShape } from '../../../../src/console/shapes/subscription.ts'
import { digits } from '../../parts/number.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { address } from '../../route.ts'
import { type Group, groupsOf } from './filter.ts'

interface GroupsProps {
  readonly events: readonly ParkedShape[]
  readonly params: Readonly<Record<string, string>>
}

export function Groups({ events, params }: GroupsProps) {
  const groups = groupsOf(events)
  if (groups.length < 2) return null
  const columns: readonly Column<Group>[] = [
    {
      title: 'Error',
      cell: ({ title, error }) => <a href={address('parked', { ...params, error })}>{title}</a>,
      isHeader: true,
    },
    { title: 'Types', cell: ({ types }) => types.slice(0, 3).join(', ') + (types.length > 3 ? ', …' : '') },
    { title: 'Events', cell: ({ count }) => digits(count), isNumber: true },
  ]
  return (
    <details class="all" open>
      <summary>By error</summary>
      <Table label="Errors" columns={columns} rows={groups} keyOf={({ title }) => title} empty="None." />
    </details>
  )
}
