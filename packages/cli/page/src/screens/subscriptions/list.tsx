/** The list of the subscriptions. */
import type { SubscriptionShape, Subscriptions } from '../../../../src/console/shapes/subscription.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { Heading } from '../../parts/heading.tsx'
import { counted, digits } from '../../parts/number.ts'
import { Result } from '../../parts/result.tsx'
import { SearchField } from '../../parts/search-field.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { duration } from '../../parts/time.tsx'
import { address, changeParams } from '../../route.ts'
import { Owners } from './owner.tsx'
import { State } from './state.tsx'

const every = 3_000
const mostShown = 500

const columns: readonly Column<SubscriptionShape>[] = [
  {
    title: 'Subscription',
    cell: ({ name }) => <a href={address('subscription', { name })}>{name}</a>,
    isHeader: true,
    isName: true,
  },
  { title: 'Kind', cell: ({ kind }) => kind ?? '–' },
  { title: 'State', cell: (subscription) => <State subscription={subscription} /> },
  { title: 'Lag', cell: ({ lag }) => digits(lag), isNumber: true },
  { title: 'Behind', cell: ({ lagTime }) => (lagTime === 0 ? '–' : duration(lagTime)), isNumber: true },
  {
    title: 'Parked',
    cell: ({ name, parked }) =>
      parked === 0 ? (
        '–'
      ) : (
        <a
          href={address('parked', { subscription: name })}
          aria-label={`${counted(parked, 'parked event')} of ${name}`}
        >
          {digits(parked)}
        </a>
      ),
    isNumber: true,
  },
  { title: 'Owners', cell: ({ owners }) => (owners.length === 0 ? '–' : <Owners owners={owners} />) },
]

export function SubscriptionList({ find }: { readonly find: string }) {
  const result = useAnswer<Subscriptions>('subscriptions', {}, { every, keep: true })
  return (
    <>
      <Heading title="Subscriptions">
        <SearchField label="Name contains" value={find} change={(find) => changeParams({ find })} />
      </Heading>
      <Result result={result}>
        {({ subscriptions }) => {
          const found = subscriptions.filter(({ name }) => name.includes(find))
          return (
            <>
              <Table
                label="Subscriptions"
                columns={columns}
                rows={found.slice(0, mostShown)}
                keyOf={({ name }) => name}
                empty={
                  find === ''
                    ? 'No process has started a subscription.'
                    : 'No subscription has this text in its name.'
                }
              />
              {found.length > mostShown && (
                <p class="empty">
                  And {counted(found.length - mostShown, 'subscription')} more: search by name to see them.
                </p>
              )}
            </>
          )
        }}
      </Result>
    </>
  )
}
