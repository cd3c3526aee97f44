/** `GET /api/state`: the state of a stream at a version, and what changed since the version before. */
import { createRoute, z } from '@hono/zod-openapi'
import { differences } from '../../differences.ts'
import type { ConsoleContext } from '../options.ts'
import { type StateShape, stateShape } from '../shapes/stream.ts'
import { KeptStates } from '../states/kept-states.ts'
import { statesAt } from '../states/state-at.ts'
import { redacted, redactedText } from '../values/redaction.ts'
import { NotFound } from './not-found.ts'
import { required, whole } from './query.ts'
import { answers, limitOf, newRoutes, type Routes } from './route.ts'

const showState = createRoute({
  method: 'get',
  path: '/state',
  summary: 'Folds a stream into its state at a version, and compares it with the state one version before.',
  description:
    'The events are folded as the catalogue of the store reads them. Maps, sets, dates and other values that are no JSON are shown as JSON that a person can read.',
  request: {
    query: z.strictObject({
      id: required('the id of the stream'),
      decider: required('the name of the decider; GET /api/store lists them'),
      version: whole(0, 'the version; by default the last one'),
    }),
  },
  responses: answers('The two states, and how they differ.', stateShape),
})

export function stateRoutes(context: ConsoleContext): Routes {
  const { store, deciders } = context
  const kept = new KeptStates()

  /** When the event of a version was recorded. */
  async function timeOf(streamId: string, version: number, signal: AbortSignal): Promise<Date | undefined> {
    if (version === 0) return undefined
    const range = { fromVersion: version, toVersion: version, signal }
    return (await store.raw.readStream(streamId, range)).events[0]?.recordedAt
  }

  return newRoutes().openapi(showState, async (c) => {
    const { id, decider: name, version: asked } = c.req.valid('query')
    const signal = limitOf(context, c.req.raw)
    const decider = Object.hasOwn(deciders, name) ? deciders[name] : undefined
    if (decider === undefined) {
      const names = Object.keys(deciders)
      const known = names.length === 0 ? 'the console has none' : `the console has ${names.join(', ')}`
      throw new NotFound(`There is no decider '${name}': ${known}`)
    }
    const stream = await store.streamInfo(id, { signal })
    if (stream === undefined) throw new NotFound(`The stream '${id}' does not exist`)
    const version = asked ?? stream.version
    if (version > stream.version) {
      throw new NotFound(`The stream '${id}' has no version ${version}: its last one is ${stream.version}`)
    }
    const of = { source: id, name } as const
    const reasonOf = (error: unknown) => redactedText(context, textOf(error), { kind: 'error', ...of })
    const query = { streamId: id, version, decider, name, signal, reasonOf }
    const [{ previous, state }, recordedAt] = await Promise.all([
      statesAt(store, kept, query, (shown) => redacted(context, shown, { kind: 'state', ...of })),
      timeOf(id, version, signal),
    ])
    const { changes, isCut } = differences(previous, state)
    const answer: StateShape = {
      ...{ streamId: id, decider: name, version },
      ...(recordedAt && { recordedAt: recordedAt.toISOString() }),
      ...{ state, previous, changes: [...changes], hasMoreChanges: isCut },
    }
    return c.json(answer, 200)
  })
}

/** A decider may throw any value, also one that cannot be shown as text. */
function textOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message || error.name : String(error)
  } catch {
    return 'a value that cannot be shown as text'
  }
}
