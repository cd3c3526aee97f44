/** The links from an event to what it belongs to: its correlation, its cause, and its place in the log. */
import type { EventShape } from '../../../../src/console/shapes/event.ts'
import { digits } from '../../parts/number.ts'
import { address } from '../../route.ts'

interface EventLinksProps {
  readonly event: EventShape
  /** The event has the screen for itself, so no link leads to it. @default false */
  readonly isAlone?: boolean
}

export function EventLinks({ event: { position, metadata }, isAlone = false }: EventLinksProps) {
  const { correlationId, causationId } = metadata
  return (
    <ul class="links">
      {typeof correlationId === 'string' && (
        <li>
          <a href={address('trace', { correlation: correlationId, around: position })}>
            Trace of its correlation
          </a>
        </li>
      )}
      {typeof causationId === 'string' && (
        <li>
          <a href={address('event', { id: causationId })}>Its cause</a>
        </li>
      )}
      {!isAlone && (
        <li>
          <a href={address('event', { position })}>Position {digits(position)}</a>
        </li>
      )}
      <li>
        <a href={address('tail', { before: position + 1 })}>The log up to it</a>
      </li>
    </ul>
  )
}
