/** Describes the span of an operation: its name, kind and attributes, and its links to the spans that created the events. */
import type { RecordedEvent } from '../event.ts'
import type { Operation } from '../observe/operation.ts'
import type {
  OpenTelemetryApi,
  OpenTelemetryAttributes,
  OpenTelemetryContext,
  OpenTelemetryLink,
} from './api.ts'
import { attribute, spanKind, system } from './names.ts'

export interface SpanDescription {
  readonly name: string
  readonly kind: number
  readonly attributes: OpenTelemetryAttributes
}

// The default limit of the SDK for one span. It drops the links beyond its limit, so extracting more is of no use.
const maxLinks = 128

export function describeSpan(operation: Operation): SpanDescription {
  switch (operation.name) {
    case 'append':
      return internal('append', {
        [attribute.streams]: operation.streamIds.length,
        [attribute.events]: operation.events,
        ...(operation.streamIds.length === 1 && { [attribute.streamId]: operation.streamIds[0] as string }),
      })
    case 'read':
      return internal('read', { [attribute.streamId]: operation.streamId })
    case 'command':
      return internal('command', {
        [attribute.streamId]: operation.streamId,
        ...(operation.commandId !== undefined && { [attribute.commandId]: operation.commandId }),
      })
    case 'handle':
      return processing('process', operation.subscription, operation)
    case 'project':
      return processing('project', operation.projection, operation)
    default: {
      const { name, projection } = operation
      return internal(`${name} ${projection}`, { [attribute.projection]: projection })
    }
  }
}

const internal = (name: string, attributes: OpenTelemetryAttributes): SpanDescription => ({
  name,
  kind: spanKind.internal,
  attributes,
})

function processing(
  operationName: 'process' | 'project',
  subscription: string,
  { events, partition, attempt }: Extract<Operation, { readonly name: 'handle' | 'project' }>,
): SpanDescription {
  const [first] = events
  const single = first !== undefined &&
    events.length === 1 && {
      [attribute.messageId]: first.id,
      [attribute.streamId]: first.streamId,
      [attribute.eventType]: first.type,
      [attribute.position]: first.position,
    }
  return {
    name: `${operationName} ${subscription}`,
    kind: spanKind.consumer,
    attributes: {
      [attribute.system]: system,
      [attribute.operationType]: 'process',
      [attribute.operationName]: operationName,
      [attribute.consumerGroup]: subscription,
      [attribute.partition]: String(partition),
      [attribute.attempt]: attempt,
      // The conventions do not want the count on spans of a single message.
      ...(single || { [attribute.messageCount]: events.length }),
    },
  }
}

/** Returns a link to the span that created each of the events, as far as their metadata names one. */
export function linksOf(api: OpenTelemetryApi, events: readonly RecordedEvent[]): OpenTelemetryLink[] {
  const links: OpenTelemetryLink[] = []
  for (const event of events) {
    const created = creationOf(api, event)
    const context = created && api.trace.getSpanContext(created)
    if (context !== undefined) links.push({ context, attributes: { [attribute.messageId]: event.id } })
    if (links.length === maxLinks) break
  }
  return links
}

/** Returns the context in which an event was created; undefined if its metadata names none, or a malformed one. */
export function creationOf(
  { propagation, trace, ROOT_CONTEXT }: OpenTelemetryApi,
  { metadata }: RecordedEvent,
): OpenTelemetryContext | undefined {
  try {
    const context = propagation.extract(ROOT_CONTEXT, metadata)
    const span = trace.getSpanContext(context)
    return span !== undefined && trace.isSpanContextValid(span) ? context : undefined
  } catch {
    // Any program may have written the metadata. A propagator that cannot read it must not fail the handler's span.
    return undefined
  }
}
