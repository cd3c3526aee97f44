/** The events of a trace as a list, each one below its cause. */
import type { TracedEventShape } from '../../../../src/console/shapes/event.ts'
import { summary } from '../../parts/short-text.ts'
import { duration, Time } from '../../parts/time.tsx'
import { address } from '../../route.ts'

interface TraceListProps {
  readonly events: readonly TracedEventShape[]
}

const deepest = 12

export function TraceList({ events }: TraceListProps) {
  const types = new Map(events.map(({ id, type }) => [id, type]))
  const start = Math.min(...events.map(({ recordedAt }) => Date.parse(recordedAt)))
  return (
    <ol class="tree">
      {events.map((event) => {
        const { id, streamId, version, position, type, depth, cause, recordedAt, data } = event
        return (
          <li key={id} data-row tabIndex={-1} style={{ '--depth': Math.min(depth, deepest) }}>
            <a href={address('event', { position })}>{type}</a>
            {cause !== undefined && <span class="hidden">, caused by {types.get(cause)}</span>}{' '}
            <a class="soft" href={address('stream', { id: streamId, version })}>
              {streamId} · {version}
            </a>{' '}
            <span class="soft" title={recordedAt}>
              {depth === 0 ? (
                <Time at={recordedAt} isExact />
              ) : (
                `+${duration(Date.parse(recordedAt) - start)}`
              )}
            </span>
            <div>
              <code class="summary soft">{summary(data)}</code>
            </div>
          </li>
        )
      })}
    </ol>
  )
}
