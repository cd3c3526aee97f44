/** Wraps events in CloudEvents 1.0 envelopes, for programs that receive them through brokers and webhooks. */
import type { RecordedEvent } from '../event.ts'
import { checkText } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { EventDefinitions } from './definitions.ts'
import { schemaUri } from './json-schema.ts'
import { knownEventsOf } from './known-events.ts'
import { checkUriBase, checkUriReference } from './uri.ts'

/** The options of `cloudEvent`. */
export interface CloudEventOptions {
  /** A URI of the program whose store has the events, such as `https://example.org/orders` or `/orders`. */
  readonly source: string
  /** Put before the type of the event, such as `org.example.orders.`. @default '' */
  readonly typePrefix?: string | undefined
  /** The catalogue of the events, from which the version in `dataschema` comes. Needs `schemaBase`. @default none */
  readonly events?: EventDefinitions | undefined
  /** The absolute URI under which the schemas of the catalogue are published; see `catalogue.jsonSchema`. @default none */
  readonly schemaBase?: string | undefined
}

/** A CloudEvents 1.0 envelope in the JSON format. */
// No interface: only a type alias is assignable to the types of other libraries that have an index signature.
export type CloudEvent<Data = unknown> = {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  readonly type: string
  /** The id of the stream. */
  readonly subject: string
  /** When the store recorded the event, in RFC 3339. */
  readonly time: string
  readonly datacontenttype: 'application/json'
  /** The URI of the JSON Schema of the data. */
  readonly dataschema?: string
  readonly data: Data
  /** The position in the log, with 16 digits, so that texts sort as positions (extension "sequence"). */
  readonly sequence: string
  /** The id of the stream: events of one stream stay in order (extension "partitioning"). */
  readonly partitionkey: string
  /** From the metadata (extension "correlation"). */
  readonly correlationid?: string
  readonly causationid?: string
  /** From the metadata (extension "distributed tracing"). */
  readonly traceparent?: string
}

/**
 * Returns the CloudEvents envelope of an event, as a JSON object. Its content type is `application/cloudevents+json`.
 * @throws InvalidInputError if an option is wrong, or the catalogue does not have the event
 */
export function cloudEvent<E extends RecordedEvent>(
  event: E,
  options: CloudEventOptions,
): CloudEvent<E['data']> {
  if (options === undefined) refuse('options', 'must have a source', options)
  const { source, typePrefix = '' } = optionsOf(options, ['source', 'typePrefix'])
  const { events, schemaBase } = optionsOf(options, ['events', 'schemaBase'])
  checkUriReference(source, 'source')
  checkText(typePrefix, 'typePrefix')
  return readSafely('event', event, () => {
    const { id, type, streamId, position, recordedAt, data, metadata } = event
    const dataschema = dataSchemaUri(type, events, schemaBase)
    const { correlationId, causationId, traceparent } = metadata
    return {
      specversion: '1.0',
      id,
      source,
      type: `${typePrefix}${type}`,
      subject: streamId,
      time: recordedAt.toISOString(),
      datacontenttype: 'application/json',
      ...(dataschema !== undefined && { dataschema }),
      data,
      sequence: String(position).padStart(16, '0'),
      partitionkey: streamId,
      // Metadata may hold any JSON value there, but these attributes are texts that are not empty.
      ...text('correlationid', correlationId),
      ...text('causationid', causationId),
      ...text('traceparent', traceparent),
    }
  })
}

function text(name: string, value: unknown): Readonly<Record<string, string>> {
  return typeof value === 'string' && value !== '' ? { [name]: value } : {}
}

function dataSchemaUri(
  type: string,
  events: EventDefinitions | undefined,
  schemaBase: string | undefined,
): string | undefined {
  if (events === undefined && schemaBase === undefined) return undefined
  if (events === undefined) refuse('events', 'must be given with schemaBase', events)
  if (schemaBase === undefined) refuse('schemaBase', 'must be given with events', schemaBase)
  checkUriBase(schemaBase, 'schemaBase')
  const known = knownEventsOf(events)
  if (known.isOpen) refuse('events', 'must have schemas: only the compiler knows its events', events)
  const own = known.events.get(type)
  if (own === undefined) refuse('event.type', 'must be an event of the catalogue', type)
  return schemaUri(schemaBase, own)
}
