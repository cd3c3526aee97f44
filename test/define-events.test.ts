/** `defineEvents` refuses mistakes that the compiler reports too: an upcast that it ignored would leave old events as they are. */
import { defineEvents, InvalidInputError, payload } from '@eventsourced/core'
import { expect, it } from 'vitest'

const schemas = { Opened: payload<{ owner: string }>() }
const step = (data: unknown) => data
const steps = 'must have the steps from its older versions, { 1: (data) => … }'

it.each<[string, unknown, unknown, string]>([
  ['schemas in an array', [payload()], undefined, 'schemas must be an object; received an array of 1'],
  ['schemas in a Map', new Map(), undefined, 'schemas must be an object; received an instance of Map'],
  ['no schemas', null, undefined, 'schemas must be an object; received null'],
  [
    'a misspelt option',
    schemas,
    { upcast: {} },
    "upcast is no option of defineEvents; did you mean 'upcasts'?",
  ],
  ['an unknown option', schemas, { retries: 1 }, 'retries is no option of defineEvents; received "retries"'],
  ['upcasts in an array', schemas, { upcasts: [] }, 'upcasts must be an object; received an array of 0'],
  [
    'upcasts in a Map',
    schemas,
    { upcasts: new Map() },
    'upcasts must be an object; received an instance of Map',
  ],
  ['upcasts that are null', schemas, { upcasts: null }, 'upcasts must be an object; received null'],
  ['a number as writeAs', schemas, { writeAs: 5 }, 'writeAs must be an object; received 5'],
  ['one function as steps', schemas, { upcasts: { Opened: step } }, `upcasts.Opened ${steps}`],
  ['null as steps', schemas, { upcasts: { Opened: null } }, `upcasts.Opened ${steps}`],
  ['a number as steps', schemas, { upcasts: { Opened: 1 } }, `upcasts.Opened ${steps}`],
  ['steps in an array', schemas, { upcasts: { Opened: [step] } }, 'upcasts.Opened must be an object'],
  ['steps in a Map', schemas, { upcasts: { Opened: new Map() } }, 'upcasts.Opened must be an object'],
  [
    'parts in a Map',
    schemas,
    { upcasts: { Old: new Map() } },
    "upcasts.Old must be today's name, or functions",
  ],
])('refuses %s', (_, given, options, message) => {
  const define = () => defineEvents(given as never, options as never)
  expect(define).toThrow(InvalidInputError)
  expect(define).toThrow(message)
})

it('is not changed by a later change of its arguments', () => {
  const upcasts = { Old: 'Opened' } as { Old?: 'Opened' }
  const own = { ...schemas } as Partial<typeof schemas>
  const events = defineEvents(own as typeof schemas, { upcasts: upcasts as { Old: 'Opened' } })
  delete own.Opened
  delete upcasts.Old
  expect(events.types).toEqual(['Opened'])
})

it('picks only among the events that a pick has', () => {
  const picked = defineEvents({ ...schemas, Closed: payload<{ reason: string }>() }).pick('Opened')
  expect(() => picked.pick('Closed' as never)).toThrow('types[0] must be an event of this catalogue')
})
