/** Describes the events of a catalogue as an AsyncAPI 3.0 document, for programs that receive them elsewhere. */
import { checkText } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { refuse } from '../input/refusal.ts'
import { moved } from './json-references.ts'
import { dataSchema, describedEvents, type JsonSchema } from './json-schema.ts'
import type { KnownEvent, KnownEvents } from './known-events.ts'

/** The options of `catalogue.asyncApi`. */
export interface AsyncApiOptions {
  /** The name of the program that publishes the events. */
  readonly title: string
  /** The version of the document, such as '1.0.0'. */
  readonly version: string
  /** Markdown. @default none */
  readonly description?: string | undefined
  /** Where the events are published, such as the name of a topic. @default not said */
  readonly address?: string | undefined
}

/** An AsyncAPI document: one channel with a message for each event. The payload of a message is the data of the event. */
export interface AsyncApiDocument {
  readonly asyncapi: '3.0.0'
  readonly info: Readonly<Record<string, string>>
  readonly defaultContentType: 'application/json'
  readonly channels: { readonly events: Readonly<Record<string, unknown>> }
  readonly operations: { readonly publish: Readonly<Record<string, unknown>> }
  readonly components: {
    readonly messages: Readonly<Record<string, Readonly<Record<string, unknown>>>>
    readonly schemas: Readonly<Record<string, JsonSchema>>
  }
}

/** @throws InvalidInputError */
export function asyncApiDocument(
  known: KnownEvents,
  types: readonly string[],
  options: AsyncApiOptions,
): AsyncApiDocument {
  if (options === undefined) refuse('options', 'must have title and version', options)
  const given = optionsOf(options, ['title', 'version', 'description', 'address'])
  for (const field of ['title', 'version'] as const) {
    checkText(given[field], field)
    if (given[field] === '') refuse(field, 'must not be empty', given[field])
  }
  const { title, version, description, address } = given
  if (description !== undefined) checkText(description, 'description')
  if (address !== undefined) checkText(address, 'address')
  const named = withKeys(describedEvents(known, types))
  const messages = named.map(([key, event]) => [key, message(key, event)] as const)
  return {
    asyncapi: '3.0.0',
    info: { title, version, ...(description !== undefined && { description }) },
    defaultContentType: 'application/json',
    channels: {
      events: {
        address: address ?? null,
        messages: Object.fromEntries(named.map(([key]) => [key, { $ref: `#/components/messages/${key}` }])),
      },
    },
    operations: { publish: { action: 'send', channel: { $ref: '#/channels/events' } } },
    components: {
      messages: Object.fromEntries(messages),
      // Draft 07 is the only version of JSON Schema that every AsyncAPI tool must read.
      schemas: Object.fromEntries(named.map(([key, event]) => [key, schema(key, event)] as const)),
    },
  }
}

function message(key: string, { type, version }: KnownEvent): Readonly<Record<string, unknown>> {
  return {
    name: type,
    title: type,
    contentType: 'application/json',
    payload: { $ref: `#/components/schemas/${key}` },
    'x-schema-version': version,
  }
}

function schema(key: string, event: KnownEvent): JsonSchema {
  return moved(dataSchema(event, 'draft-07', undefined), `#/components/schemas/${key}`)
}

/** AsyncAPI allows only letters, digits, dots, hyphens and underscores in the keys of components. */
function withKeys(events: readonly KnownEvent[]): readonly (readonly [string, KnownEvent])[] {
  const used = new Set<string>()
  return events.map((event) => {
    const base = event.type.replaceAll(/[^a-zA-Z0-9.\-_]/g, '_')
    let key = base
    for (let number = 2; used.has(key); number++) key = `${base}_${number}`
    used.add(key)
    return [key, event]
  })
}
