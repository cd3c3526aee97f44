/** `#/tail`: the log as it grows, newest first; with `before`, its older events. */
import type { EventPage } from '../../../../src/console/shapes/event.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { Heading } from '../../parts/heading.tsx'
import { digits } from '../../parts/number.ts'
import { Result } from '../../parts/result.tsx'
import { SearchField } from '../../parts/search-field.tsx'
import { address, changeParams } from '../../route.ts'
import type { ScreenProps } from '../screen.ts'
import { EventRows } from './event-rows.tsx'
import { Live } from './live.tsx'

const limit = 100

export function TailScreen({ params: { type = '', prefix = '', before } }: ScreenProps) {
  const result = useAnswer<EventPage>('log', { type, prefix, before, limit })
  return (
    <>
      <Heading title={before === undefined ? 'Live tail' : `Log before position ${digits(Number(before))}`}>
        <SearchField label="Type" value={type} change={(type) => changeParams({ type })} />
        <SearchField
          label="Stream begins with"
          value={prefix}
          change={(prefix) => changeParams({ prefix })}
        />
        {before !== undefined && <a href={address('tail', { type, prefix })}>Back to the live tail</a>}
      </Heading>
      <Result result={result}>
        {(page) =>
          before === undefined ? (
            <Live first={page} type={type} prefix={prefix} key={`${type} ${prefix}`} />
          ) : (
            <EventRows
              events={page.events}
              empty="No older event fits."
              next={
                page.next === undefined ? undefined : address('tail', { type, prefix, before: page.next })
              }
            />
          )
        }
      </Result>
    </>
  )
}
