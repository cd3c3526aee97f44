/** The parked events of a subscription: one page, which the page reads again until the workers have handled them. */
import { useMemo, useState } from 'preact/hooks'
import type { ParkedPage, SubscriptionShape } from '../../../../src/console/shapes/subscription.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { Notice } from '../../parts/notice.tsx'
import { Result } from '../../parts/result.tsx'
import { SearchField } from '../../parts/search-field.tsx'
import { address, changeParams } from '../../route.ts'
import { filterOf, isFiltered, isSelected } from './filter.ts'
import { Groups } from './groups.tsx'
import { Rows } from './rows.tsx'
import { Settle } from './settle.tsx'

const every = 2_000
const limit = 500

interface ParkedListProps {
  readonly params: Readonly<Record<string, string>>
  readonly name: string
  /** Undefined until the list of subscriptions has been read. */
  readonly subscription: SubscriptionShape | undefined
}

export function ParkedList({ params, name, subscription }: ParkedListProps) {
  const { after } = params
  const result = useAnswer<ParkedPage>('parked', { subscription: name, after, limit }, { every, keep: true })
  const filter = filterOf(params)
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set())
  const [notice, setNotice] = useState<string>()
  const page = result.answer
  const shown = useMemo(
    () => page?.parked.filter((event) => isSelected(event, filter)) ?? [],
    [page, params.type, params.stream, params.error],
  )
  const selected = shown.filter(({ position }) => chosen.has(position)).map(({ position }) => position)
  const done = (text: string) => {
    setNotice(text)
    setChosen(new Set())
    result.reload()
  }
  return (
    <>
      <div class="filters">
        <Filter name="type" label="Type" params={params} />
        <Filter name="stream" label="Stream" params={params} />
        <Filter name="error" label="Error contains" params={params} />
        {isFiltered(filter) && <a href={address('parked', { subscription: name })}>Without a filter</a>}
      </div>
      <Notice text={notice} />
      {subscription !== undefined && subscription.owners.length === 0 && (
        <p class="banner">
          {subscription.state === 'paused'
            ? 'This subscription is paused'
            : 'No worker runs this subscription'}
          : a retried event waits for a worker.{' '}
          <a href={address('subscription', { name })}>To the subscription</a>
        </p>
      )}
      <Result result={result}>
        {({ parked, next }) => (
          <>
            {parked.length > 0 && <Groups events={shown} params={{ ...params, after: '' }} />}
            {shown.length > 0 && (
              <Settle
                subscription={name}
                selected={selected}
                filter={filter}
                matching={{
                  count: isFiltered(filter) ? shown.length : (subscription?.parked ?? shown.length),
                  isAll: !isFiltered(filter) || (next === undefined && after === undefined),
                }}
                done={done}
              />
            )}
            <Rows
              subscription={name}
              events={shown}
              chosen={chosen}
              choose={setChosen}
              empty={
                parked.length === 0
                  ? 'No events are parked here.'
                  : 'None of the parked events on this page matches the filter.'
              }
              next={next === undefined ? undefined : address('parked', { ...params, after: next })}
            />
          </>
        )}
      </Result>
    </>
  )
}

interface FilterProps {
  readonly name: 'type' | 'stream' | 'error'
  readonly label: string
  readonly params: Readonly<Record<string, string>>
}

function Filter({ name, label, params }: FilterProps) {
  return (
    <SearchField
      label={label}
      value={params[name] ?? ''}
      change={(text) => changeParams({ [name]: text, after: undefined })}
    />
  )
}
