/** `#/trace?correlation&around&width`: the events of one correlation, as a graph and as a list. */
import type { Trace } from '../../../../src/console/shapes/event.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { Heading } from '../../parts/heading.tsx'
import { counted, digits } from '../../parts/number.ts'
import { Result } from '../../parts/result.tsx'
import { SearchField } from '../../parts/search-field.tsx'
import { address, changeParams } from '../../route.ts'
import type { ScreenProps } from '../screen.ts'
import { TraceGraph } from './trace-graph.tsx'
import { TraceList } from './trace-list.tsx'

const usualWidth = 10_000
const mostShown = 300

export function TraceScreen({ params: { correlation, around, width } }: ScreenProps) {
  const result = useAnswer<Trace>(
    correlation === undefined ? undefined : 'trace',
    { correlation, around, width },
    { keep: true },
  )
  const wider = address('trace', { correlation, around, width: 2 * (Number(width) || usualWidth) })
  return (
    <>
      <Heading title="Trace">
        <SearchField
          label="Correlation id"
          value={correlation ?? ''}
          change={(correlation) => changeParams({ correlation, around: undefined, width: undefined })}
        />
      </Heading>
      {correlation === undefined ? (
        <p class="empty">
          The events of one business transaction share a correlation id. Enter one, or follow the link “Trace
          of its correlation” of an event.
        </p>
      ) : (
        <Result result={result}>{(trace) => <TraceParts trace={trace} wider={wider} />}</Result>
      )}
    </>
  )
}

function TraceParts({ trace, wider }: { readonly trace: Trace; readonly wider: string }) {
  const { events, correlation, from, to, isWhole } = trace
  const shown = events.slice(0, mostShown)
  const streams = new Set(events.map(({ streamId }) => streamId)).size
  return (
    <>
      <p class="searched">
        <span role="status">
          {events.length === 0
            ? `No event of the correlation “${correlation}”`
            : `${counted(events.length, 'event')} in ${counted(streams, 'stream')}`}
          {isWhole ? ', in the whole log.' : `, in positions ${digits(from)} to ${digits(to)} of the log.`}
        </span>{' '}
        {!isWhole && (
          <a class="button" href={wider}>
            Search further
          </a>
        )}
      </p>
      {shown.length < events.length && <p>The first {digits(mostShown)} events are shown.</p>}
      {shown.length > 0 && (
        <>
          <TraceGraph events={shown} />
          <h2>Causes and effects</h2>
          <TraceList events={shown} />
        </>
      )}
    </>
  )
}
