/** Every function of the HTTP subpaths with wrong arguments: the error names the argument, and no store is read. */
import assert from 'node:assert/strict'
import { hasCode, memoryStore, projection } from '@eventsourced/core'
import * as http from '@eventsourced/core/http'
import * as express from '@eventsourced/core/http/express'
import * as fastify from '@eventsourced/core/http/fastify'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { callKinds } from './kinds.ts'
import { outcomeOf, trialOf } from './outcome.ts'
import type { Calls } from './public-call.ts'
import { assertTells } from './refusal-facts.ts'
import { runs } from './runs.ts'
import { anyText, isName, isText } from './texts.ts'

const { leaf, optional, record, readName, text, number, milliseconds, callback } = callKinds(
  { hostile: 12 },
  anyText.filter(isName),
)

const isRequest = (value: unknown) => value instanceof Request && typeof value.method === 'string'
const request = leaf(
  fc.constantFrom('GET', 'HEAD').map((method) => new Request('http://localhost/', { method })),
  isRequest,
)
const posting = leaf(
  fc.constant(undefined).map(
    () =>
      new Request('http://localhost/', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: '{}',
      }),
  ),
  isRequest,
)
const headers = leaf(
  fc.constantFrom({}, { 'X-A': 'b' }),
  (value) =>
    typeof value === 'object' && value !== null && new Headers(value as Record<string, string>) !== null,
)
const caller = leaf(fc.constantFrom('ann', 'ü'), (value) => isFilled(value))
const isFilled = (value: unknown) => typeof value === 'string' && value !== '' && isText(value)
const headerName = leaf(
  fc.constantFrom('X-Request-Id', 'a'),
  (value) => typeof value === 'string' && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value),
)
const results = fc.constantFrom<unknown>(undefined, { state: 1 }, { state: {}, version: 1, position: 7 })
const result = leaf(
  results,
  (value) => value === undefined || (typeof value === 'object' && value !== null && 'state' in value),
)
const anySchema = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } }
const schema = leaf(fc.constant(anySchema), (value) => value === anySchema)
const problemShape = { problems: optional(callback), errorsPage: optional(text) }
const handler = leaf(
  fc.constant(() => new Response()),
  (value) => typeof value === 'function',
)

const watched = memoryStore().view(
  projection({ name: 'p', key: () => 'a', initialState: () => 0, evolve: (count: number) => count + 1 }),
)
const view = leaf(fc.constant(watched), (value) => value === watched)
// A client chooses the key, so a wrong one is answered with 400.
const key = leaf(fc.constant('a'), (value) => value !== undefined)

const calls: Calls = {
  commandOptions: {
    places: [
      ['request', request],
      [
        'options',
        optional(
          record(
            {
              caller: optional(caller),
              requirePrecondition: optional(leaf(fc.constant(false), (value) => typeof value === 'boolean')),
              requireIdempotencyKey: optional(
                leaf(fc.constant(false), (value) => typeof value === 'boolean'),
              ),
              correlationHeader: optional(headerName),
            },
            { nested: false },
          ),
        ),
      ],
    ],
    call: (_store, given) => http.commandOptions(...(given as [never])),
  },
  atLeast: {
    places: [
      ['request', request],
      ['options', optional(record({ timeout: milliseconds(0, [0, 2_000]) }, { nested: false }))],
    ],
    call: (_store, given) => Object.keys(http.atLeast(...(given as [never]))),
  },
  jsonBody: {
    places: [
      ['request', posting],
      [
        'options',
        optional(
          record(
            { schema: optional(schema), maxBytes: number(2, [2, 1000, 2 ** 53 - 1]) },
            { nested: false },
          ),
        ),
      ],
    ],
    call: (_store, given) => http.jsonBody(...(given as [never])),
  },
  answer: {
    places: [
      ['result', result],
      [
        'options',
        optional(
          record(
            {
              request: optional(request),
              location: optional(text),
              status: number(200, [200, 202, 204, 205, 299], 299),
              headers: optional(headers),
            },
            { nested: false },
          ),
        ),
      ],
    ],
    call: (_store, given) => http.answer(...(given as [never])).status,
  },
  streamPage: {
    places: [
      ['request', request],
      ['streamId', readName],
      [
        'options',
        optional(
          record(
            {
              limit: number(1, [1, 2], 100),
              maxLimit: number(1, [100], 2 ** 31 - 1),
              show: optional(callback),
            },
            { nested: false },
          ),
        ),
      ],
    ],
    call: async (store, given) => (await http.streamPage(store, ...(given as [never, never]))).status,
  },
  sse: {
    places: [
      ['view', view],
      ['request', request],
      [
        'options',
        record(
          { key, heartbeat: number(1, [15_000], 2 ** 31 - 1), retry: number(0, [2_000], 2 ** 31 - 1) },
          { nested: false },
        ),
      ],
    ],
    async call(_store, given) {
      const response = http.sse(...(given as [never, never, never]))
      await response.body?.cancel()
      return response.status
    },
  },
  problem: {
    places: [
      ['request', optional(request)],
      ['options', optional(record(problemShape, { nested: false }))],
    ],
    call: (_store, given) => http.problem(new Error('x'), ...(given as [])).status,
  },
  withProblems: {
    places: [
      ['handler', handler],
      ['options', optional(record({ ...problemShape, onError: optional(callback) }, { nested: false }))],
    ],
    call: (_store, given) => typeof http.withProblems(...(given as [never])),
  },
  notFound: {
    places: [['detail', optional(text)]],
    call: (_store, given) => http.notFound(...(given as [])).status,
  },
  expressHandler: {
    places: [['handler', handler]],
    call: (_store, given) => typeof express.expressHandler(...(given as [never])),
  },
  fastifyHandler: {
    places: [['handler', handler]],
    call: (_store, given) => typeof fastify.fastifyHandler(...(given as [never])),
  },
}

it('the table names every function', () => {
  expect(Object.keys(calls).sort()).toEqual(Object.keys({ ...http, ...express, ...fastify }).sort())
})

for (const name of Object.keys(calls)) {
  it(`${name} refuses wrong arguments, and accepts right ones`, async () => {
    const store = memoryStore()
    await store.append('a', [{ type: 'A', data: null }])
    await fc.assert(
      fc.asyncProperty(trialOf(calls, name), async (trial) => {
        const outcome = await outcomeOf(calls, trial, store)
        assert.equal(outcome.kind, trial.faults.length > 0 ? 'refused' : 'done')
        if (outcome.kind !== 'refused') return
        assert.ok(hasCode(outcome.error, 'invalid-input'))
        assertTells(outcome.error, trial.faults)
      }),
      runs(300, 10),
    )
  })
}
