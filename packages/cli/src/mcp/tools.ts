/** What an assistant can ask of a store. Every tool only reads, and answers with JSON of bounded size. */
import { fold, type RecordedEvent } from '@eventsourced/core'
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import * as z from 'zod'
import type { CommandContext } from '../context.ts'
import { deciderOf } from '../deciders.ts'
import { differences } from '../differences.ts'
import { eventAt, noEventAt } from '../event-at.ts'
import { jsonOf } from '../json-of.ts'
import { correlatedEvents } from '../trace.ts'

const limit = z.number().int().min(1).max(500).default(50).describe('the largest number of results')
const readOnly = { readOnlyHint: true, openWorldHint: false }

export function registerTools(server: McpServer, context: CommandContext): void {
  const { store, config, signal } = context
  const names = Object.keys(config.deciders ?? {})

  server.registerTool(
    'streams',
    {
      description: 'Lists streams by id, or the largest ones, with their versions and times.',
      annotations: readOnly,
      inputSchema: {
        prefix: z.string().optional().describe('only ids that begin with this text'),
        after: z.string().optional().describe("only ids after this one; goes with order 'id' only"),
        order: z
          .enum(['id', 'largest'])
          .default('id')
          .describe("'largest': the most events first; reads all"),
        limit,
      },
    },
    async (query) => answer(await collected(store.listStreams({ ...query, signal }))),
  )
  server.registerTool(
    'stream',
    {
      description: 'Reads the events of one stream, in order of version.',
      annotations: readOnly,
      inputSchema: {
        streamId: z.string(),
        fromVersion: z.number().int().min(1).optional(),
        toVersion: z.number().int().min(0).optional(),
        asOf: z.iso.datetime().optional().describe('only events that were recorded at or before this time'),
        limit,
      },
    },
    async ({ streamId, asOf, ...range }) => {
      const moment = asOf === undefined ? undefined : new Date(asOf)
      return answer(await store.readStream(streamId, { ...range, asOf: moment, signal }))
    },
  )
  server.registerTool(
    'event',
    {
      description:
        'Reads one event with all its parts, as it is stored, by its position in the log or its id.',
      annotations: readOnly,
      inputSchema: { position: z.number().int().min(1).optional(), id: z.guid().optional() },
    },
    async ({ position, id }) => {
      const [place, other] = [position, id].filter((one) => one !== undefined)
      if (place === undefined || other !== undefined) {
        return failure('Give the position of the event, or its id, and not both')
      }
      const event = await eventAt(context, place)
      return event === undefined ? failure(noEventAt(place)) : answer(event)
    },
  )
  server.registerTool(
    'search',
    {
      description: 'Finds events in the log by type, stream prefix and time, the newest first.',
      annotations: readOnly,
      inputSchema: {
        types: z.array(z.string()).optional(),
        prefix: z.string().optional().describe('only streams whose id begins with this text'),
        before: z.number().int().min(1).optional().describe('only events before this position'),
        text: z
          .string()
          .optional()
          .describe('only events whose data contain this text, among the newest 10,000'),
        limit,
      },
    },
    async ({ types, prefix, before, text, limit }) => {
      const until = before === undefined ? undefined : before - 1
      const filter = { types, streamPrefix: prefix, until, direction: 'backward', signal } as const
      const found: RecordedEvent[] = []
      for await (const event of store.readAll({ ...filter, limit: text === undefined ? limit : 10_000 })) {
        if (text === undefined || JSON.stringify(event.data).includes(text)) found.push(event)
        if (found.length === limit) break
      }
      return answer(found)
    },
  )
  server.registerTool(
    'trace',
    {
      description:
        'Reads all events of one correlation id as a tree: which event caused which. Reads the log.',
      annotations: readOnly,
      inputSchema: { correlationId: z.string() },
    },
    async ({ correlationId }) => answer(await correlatedEvents(context, correlationId)),
  )
  server.registerTool(
    'state',
    {
      description: `Folds a stream into its state, now or at a version or time. Deciders: ${names.join(', ') || 'none; the server needs a configuration file'}.`,
      annotations: readOnly,
      inputSchema: {
        streamId: z.string(),
        decider: z.string(),
        version: z.number().int().min(0).optional(),
        asOf: z.iso.datetime().optional(),
      },
    },
    async ({ streamId, decider, version, asOf }) => {
      const moment = asOf === undefined ? undefined : new Date(asOf)
      const { events } = await store.readStream(streamId, { toVersion: version, asOf: moment, signal })
      const last = events.at(-1)?.version ?? 0
      return answer({ streamId, version: last, state: jsonOf(fold(deciderOf(config, decider), events)) })
    },
  )
  server.registerTool(
    'difference',
    {
      description:
        'Compares the states of a stream at two versions: what changed, as JSON pointers, and the events in between.',
      annotations: readOnly,
      inputSchema: {
        streamId: z.string(),
        decider: z.string(),
        from: z.number().int().min(0),
        to: z.number().int().min(1),
      },
    },
    async ({ streamId, decider, from, to }) => {
      const { events } = await store.readStream(streamId, { toVersion: to, signal })
      const known = deciderOf(config, decider)
      const isBefore = ({ version }: RecordedEvent) => version <= from
      // A decider may change its state in place, so the first state is copied before the second one is folded.
      const before = jsonOf(fold(known, events.filter(isBefore)))
      const after = jsonOf(fold(known, events))
      const between = events.filter((event) => !isBefore(event))
      return answer({ streamId, before, after, ...differences(before, after), events: between })
    },
  )
  server.registerTool(
    'subscriptions',
    { description: 'Lists the subscriptions: lag, owners, parked events.', annotations: readOnly },
    async () => answer(await collected(store.subscriptions.list({ signal }))),
  )
  server.registerTool(
    'parked',
    {
      description: 'Lists the parked events of a subscription, with their errors.',
      annotations: readOnly,
      inputSchema: { subscription: z.string(), limit },
    },
    async ({ subscription, limit }) =>
      answer((await collected(store.parked(subscription).list({ signal }))).slice(0, limit)),
  )
}

const mostBytes = 200_000

/** Cuts an answer that an assistant could not read, and says so. */
function answer(value: unknown) {
  const text = JSON.stringify(value, undefined, 1) ?? 'null'
  if (text.length <= mostBytes) return { content: [{ type: 'text' as const, text }] }
  const note = `The answer has ${text.length} characters; these are the first ${mostBytes}. Ask for less.\n`
  return { content: [{ type: 'text' as const, text: note + text.slice(0, mostBytes) }] }
}

function failure(text: string) {
  return { content: [{ type: 'text' as const, text }], isError: true }
}

async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}
