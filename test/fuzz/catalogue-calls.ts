/** The part of the table of all public calls that checks and describes the events of a catalogue. */

import type { CheckResult, RecordedEvent } from '@eventsourced/core'
import * as core from '@eventsourced/core'
import fc from 'fast-check'
import type { callKinds } from './kinds.ts'
import type { Calls } from './public-call.ts'
import type { Fault } from './samples.ts'
import { isText } from './texts.ts'

/** The characters of a URI. */
const characters = /^([\w\-.~:/?#[\]@!$&'()*+,;=]|%[\da-f]{2})+$/i

const catalogue = core.defineEvents({ A: core.payload<object>() }, { unknown: 'skip' })

const earlier: CheckResult = {
  ...{ ok: true, events: 1, failed: 0, after: 0, position: 0, isSample: false, unlisted: 0, unused: [] },
  stored: [{ type: 'A', schemaVersion: 1, isKnown: true, today: ['A'], events: 1, failed: 0, examples: [] }],
}

const recorded: RecordedEvent = {
  ...{ id: core.uuidOf('a'), type: 'A', data: {}, metadata: {}, tags: [] },
  ...{ streamId: 'a', version: 1, position: 1, recordedAt: new Date(0) },
}

export function catalogueCalls(kinds: ReturnType<typeof callKinds>): Calls {
  const { leaf, optional, record, options, text, number, callback, oneOf } = kinds
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
  return {
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
