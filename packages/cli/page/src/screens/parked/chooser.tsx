/** Chooses the subscription whose parked events are shown. */
import { useId } from 'preact/hooks'
import type { SubscriptionShape } from '../../../../src/console/shapes/subscription.ts'
import { digits } from '../../parts/number.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { address, go } from '../../route.ts'
import { State } from '../subscriptions/state.tsx'

interface ChooserProps {
  readonly subscriptions: readonly SubscriptionShape[]
}

export function SubscriptionField({
  subscriptions,
  chosen,
}: ChooserProps & { readonly chosen: string | undefined }) {
  const id = useId()
  const isKnown = chosen === undefined || subscriptions.some(({ name }) => name === chosen)
  return (
    <div class="field">
      <label for={id}>Subscription</label>
      <select
        id={id}
        value={chosen ?? ''}
        onChange={({ currentTarget: { value } }) => go(address('parked', { subscription: value }))}
      >
        <option value="">choose…</option>
        {!isKnown && <option value={chosen}>{chosen} (unknown)</option>}
        {subscriptions.map(({ name, parked }) => (
          <option key={name} value={name}>
            {name} ({digits(parked)})
          </option>
        ))}
      </select>
    </div>
  )
}

const columns: readonly Column<SubscriptionShape>[] = [
  {
    title: 'Subscription',
    cell: ({ name }) => <a href={address('parked', { subscription: name })}>{name}</a>,
    isHeader: true,
    isName: true,
  },
  { title: 'Parked events', cell: ({ parked }) => digits(parked), isNumber: true },
  { title: 'State', cell: (subscription) => <State subscription={subscription} /> },
]

export function Chooser({ subscriptions }: ChooserProps) {
  return (
    <>
      <p>
        A subscription parks an event when its handler has failed for it, and continues with other streams.
        Later events of the same stream wait behind it.
      </p>
      <Table
        label="Subscriptions with parked events"
        columns={columns}
        rows={subscriptions
          .filter(({ parked }) => parked > 0)
          .sort((a, b) => b.parked - a.parked)
          .slice(0, 500)}
        keyOf={({ name }) => name}
        empty="No subscription has parked events."
      />
    </>
  )
}
