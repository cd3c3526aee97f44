/** The part of the table of all public calls that defines events, and uses a catalogue. */

import type { CheckResult, RecordedEvent } from '@eventsourced/core'
import * as core from '@eventsourced/core'
import fc from 'fast-check'
import { boxed } from './json.ts'
import type { callKinds } from './kinds.ts'
import type { Calls } from './public-call.ts'
import type { Fault } from './samples.ts'
import { isText } from './texts.ts'

/** The characters of a URI. */
const characters = /^([\w\-.~:/?#[\]@!$&'()*+,;=]|%[\da-f]{2})+$/i

const schemas = { A: core.payload<object>() }
export const catalogue = core.defineEvents(schemas, { unknown: 'skip' })

const handling = { name: 'a', handle() {} }

const earlier: CheckResult = {
  ...{ ok: true, events: 1, failed: 0, after: 0, position: 0, isSample: false, unlisted: 0, unused: [] },
  stored: [{ type: 'A', schemaVersion: 1, isKnown: true, today: ['A'], events: 1, failed: 0, examples: [] }],
}

const recorded: RecordedEvent = {
  ...{ id: core.uuidOf('a'), type: 'A', data: {}, metadata: {}, tags: [] },
  ...{ streamId: 'a', version: 1, position: 1, recordedAt: new Date(0) },
}

export function catalogueCalls(kinds: ReturnType<typeof callKinds>): Calls {
  const { leaf, optional, record, options, name, readName, text, number, callback, oneOf } = kinds
  const line = leaf(
    fc.constantFrom('Orders', '1.0.0', 'ä'),
    (value) => typeof value === 'string' && value !== '' && isText(value),
  )
  const uri = leaf(
    fc.constantFrom('/orders', 'urn:example:orders', 'https://example.org/a?b#c'),
    (value) => typeof value === 'string' && characters.test(value),
  )
  const base = leaf(
    fc.constantFrom('urn:example:orders', 'https://example.org/'),
    (value) =>
      typeof value === 'string' && characters.test(value) && /^[a-z][a-z\d+.-]*:[^?#]+$/i.test(value),
  )
  const noObject = boxed(fc.constantFrom<unknown>(null, 1, 'a', true, 1n))
  // An object of functions by type would be refused too, with names of its properties.
  const evolve = leaf(
    fc.constant(() => undefined),
    (value) => typeof value === 'function',
    noObject,
  )
  const isCatalogue = (value: unknown) => value === catalogue
  const versioned = {
    name,
    version: number(1, [1, 2 ** 31 - 1], 2 ** 31 - 1),
    streamPrefix: optional(readName),
  }
  return {
    defineEvents: {
      places: [
        ['schemas', leaf(fc.constant(schemas), (value) => value === schemas, noObject)],
        [
          'options',
          optional(record({ unknown: optional(oneOf('refuse', 'skip')) }, { nested: false, isStrict: true })),
        ],
      ],
      call: (_store, given) => core.defineEvents(...(given as [never])).types,
    },
    mergeEvents: {
      places: [
        ['catalogues[0]', leaf(fc.constant(catalogue), isCatalogue)],
        ['catalogues[1]', leaf(fc.constant(catalogue), isCatalogue)],
      ],
      call: (_store, given) => core.mergeEvents(...(given as never[])).types,
    },
    'catalogue.pick': {
      places: [['types[0]', leaf(fc.constant('A'), (value) => value === 'A')]],
      call: (_store, given) => catalogue.pick(...(given as [never])).types,
    },
    'catalogue.decider': {
      places: [['decider', record({ initialState: callback, decide: callback, evolve })]],
      call: (_store, given) => typeof catalogue.decider(...(given as [never])),
    },
    'catalogue.projection': {
      places: [
        [
          'options',
          record({ ...versioned, key: callback, initialState: callback, evolve }, { nested: false }),
        ],
      ],
      call: (_store, given) => catalogue.projection(...(given as [never])).kind,
    },
    'catalogue.rawProjection': {
      places: [['options', record({ ...versioned, handle: callback }, { nested: false })]],
      call: (_store, given) => catalogue.rawProjection(...(given as [never])).kind,
    },
    // `subscribe` checks the options themselves.
    'catalogue.subscription': {
      places: [['options', leaf(fc.constant(handling), (value) => value === handling, noObject)]],
      call: (_store, given) => catalogue.subscription(...(given as [never])).name,
    },
    'catalogue.check': {
      places: [
        [
          'options',
          options({
            after: number(0, [0, 2 ** 53 - 1]),
            resume: optional(leaf(fc.constant(earlier), (value) => value === earlier)),
            sample: number(1, [1, 5, 2 ** 53 - 1]),
            limit: number(0, [0, 10, 2 ** 53 - 1]),
            onProgress: optional(callback),
          }),
        ],
      ],
      together: ([given]) => resumedTogether(given as core.CheckOptions | undefined),
      async call(store, given) {
        const { ok, events, failed } = await catalogue.check(store, ...(given as never[]))
        return { ok, events, failed }
      },
    },
    'catalogue.jsonSchema': {
      places: [
        [
          'options',
          optional(
            record(
              { target: optional(oneOf('draft-2020-12', 'draft-07')), base: optional(base) },
              { nested: false },
            ),
          ),
        ],
      ],
      call: (_store, given) => catalogue.jsonSchema(...(given as never[])),
    },
    'catalogue.asyncApi': {
      places: [
        [
          'options',
          record(
            { title: line, version: line, description: optional(text), address: optional(text) },
            { nested: false },
          ),
        ],
      ],
      call: (_store, given) => catalogue.asyncApi(...(given as [never])),
    },
    cloudEvent: {
      places: [
        ['event', leaf(fc.constant(recorded), (value) => value === recorded)],
        ['options', record({ source: uri, typePrefix: optional(text) }, { nested: false })],
      ],
      call: (_store, given) => core.cloudEvent(...(given as [never, never])),
    },
  }
}

function resumedTogether(given: core.CheckOptions | undefined): readonly Fault[] {
  if (given?.resume === undefined) return []
  return given.after === undefined && given.sample === undefined
    ? []
    : [{ field: 'resume', value: undefined }]
}
