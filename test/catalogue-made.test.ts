/** A catalogue refuses mistakes in the deciders, projections and subscriptions that it makes. */
import {
  commandHandler,
  decider,
  defineEvents,
  InvalidInputError,
  inPlace,
  memoryStore,
  payload,
  projection,
  type RecordedEvent,
} from '@eventsourced/core'
import { expect, it } from 'vitest'

const events = defineEvents({
  Opened: payload<{ owner: string }>(),
  Deposited: payload<{ amount: number }>(),
})
const decide = () => undefined
const initialState = () => 0
const evolve = (state: number) => state
const key = () => 'all'

/** A mistake that the compiler reports too. */
const wrong = (value: unknown): never => value as never

function recorded(type: string, data: unknown): RecordedEvent<never> {
  const [id, streamId, recordedAt] = ['0198c0de-0000-7000-8000-000000000000', 'a', new Date(0)]
  return { id, streamId, version: 1, position: 1, recordedAt, type, data, metadata: {}, tags: [] } as never
}

it.each([
  ['no object', 'mine', 'decider must be an object; received "mine"'],
  ['no initialState', { decide, evolve }, 'decider.initialState must be a function; received undefined'],
  ['no decide', { initialState, evolve }, 'decider.decide must be a function; received undefined'],
  [
    'decide and commands',
    { initialState, decide, commands: { open: decide }, evolve },
    'decider.commands must not be given with decide: give one of them; received an object',
  ],
  [
    'commands that are no object',
    { initialState, commands: [decide], evolve },
    'decider.commands must be an object with one function for each command; received an array of 1',
  ],
  [
    'no commands',
    { initialState, commands: {}, evolve },
    'decider.commands must have at least one function; received an object',
  ],
  [
    'a command that is no function',
    { initialState, commands: { open: 'no' }, evolve },
    'decider.commands.open must be a function; received "no"',
  ],
  [
    'no evolve',
    { initialState, decide },
    'decider.evolve must be a function, or an object with one function for each type of event; received undefined',
  ],
  [
    'a missing type',
    { initialState, decide, evolve: { Opened: evolve } },
    'decider.evolve.Deposited must be a function; received undefined',
  ],
  [
    'a misspelt type beside the right ones',
    { initialState, decide, evolve: { Opened: evolve, Deposited: evolve, Deposted: evolve } },
    `decider.evolve.Deposted must have the name of one of the events (did you mean 'Deposited'?); received "Deposted"`,
  ],
  [
    'a type of no event',
    { initialState, decide, evolve: { Opened: evolve, Deposited: evolve, toString: evolve } },
    'decider.evolve.toString must have the name of one of the events; received "toString"',
  ],
  [
    'some functions in place',
    { initialState, decide, evolve: { Opened: evolve, Deposited: inPlace(() => {}) } },
    'decider.evolve.Opened must be made by inPlace, as the other functions are; received a function',
  ],
])('decider refuses %s', (_name, functions, message) => {
  expect(() => events.decider(wrong(functions))).toThrow(new InvalidInputError(...parts(message)))
})

it.each([
  ['no object', undefined, 'options must be an object; received undefined'],
  ['no name', { key, initialState, evolve }, 'name must be a string; received undefined'],
  ['no key', { name: 'a', initialState, evolve }, 'key must be a function; received undefined'],
  ['no initialState', { name: 'a', key, evolve }, 'initialState must be a function; received undefined'],
  [
    'a missing type',
    { name: 'a', key, initialState, evolve: { Opened: evolve } },
    'evolve.Deposited must be a function; received undefined',
  ],
  [
    'a version that is no number',
    { name: 'a', version: '1', key, initialState, evolve },
    'version must be a whole number from 1 to 2147483647; received "1"',
  ],
])('projection refuses %s', (_name, options, message) => {
  expect(() => events.projection(wrong(options))).toThrow(new InvalidInputError(...parts(message)))
})

it('rawProjection and subscription refuse mistakes', () => {
  const handle = () => {}
  expect(() => events.rawProjection(wrong({ name: 'a' }))).toThrow('handle must be a function')
  expect(() => events.rawProjection(wrong(null))).toThrow('options must be an object; received null')
  expect(() => events.subscription(wrong([]))).toThrow('options must be an object; received an array of 0')
  expect(() => events.subscription(wrong({ name: 'a', types: ['Opened'], handle }))).toThrow(
    'types must not be given: pick(…) selects the events of a subscription',
  )
  const throwing = {
    get name(): string {
      throw new Error('no name')
    },
  }
  expect(() => events.projection(wrong(throwing))).toThrow('options could not be read')
})

it('pick explains an old or a misspelt name as a filter does', () => {
  const renamed = defineEvents({ Opened: payload<null>() }, { upcasts: { Started: 'Opened' } })
  expect(() => renamed.pick(wrong('Started'))).toThrow(
    "types[0] must be an event of the catalogue: 'Started' is an old name: use 'Opened'",
  )
  expect(() => renamed.pick('Opened', wrong('Opend'))).toThrow(
    "types[1] must be an event of the catalogue: 'Opend'",
  )
})

it('a store that is wrapped needs the events of the store', () => {
  const made = events.decider({ initialState: () => 0, decide: () => undefined, evolve: (state) => state })
  const { append, readStream, events: own } = memoryStore({ events })
  expect(() => commandHandler({ store: { append, readStream }, decider: made })).toThrow(
    'If you wrap the store, give the wrapper its `events`; received a store without a catalogue',
  )
  commandHandler({ store: { append, readStream, events: own }, decider: made })
})

it('evolve by type refuses an event for which it has no function', () => {
  const only = events.pick('Deposited').decider({
    initialState,
    decide,
    evolve: { Deposited: (sum, { amount }) => sum + amount },
  })
  expect(only.evolve(1, recorded('Deposited', { amount: 2 }))).toBe(3)
  expect(() => only.evolve(1, recorded('Opened', { owner: 'a' }))).toThrow(
    'decider.evolve must have a function for each type of event; received "Opened"',
  )
  expect(() => only.evolve(1, recorded('toString', {}))).toThrow('received "toString"')
})

it('calls the functions with their own object as this', () => {
  class Counting {
    #step = 2
    initialState() {
      return 0
    }
    decide(_command: 'open') {
      return { type: 'Opened' as const, data: { owner: `${this.#step}` } }
    }
    evolve(sum: number) {
      return sum + this.#step
    }
  }
  const made = events.decider(new Counting())
  expect(made.decide('open', 0)).toEqual({ type: 'Opened', data: { owner: '2' } })
  expect(made.evolve(made.initialState(), recorded('Opened', { owner: 'a' }))).toBe(2)
})

it('a projection takes the events of a decider that a catalogue has made', () => {
  const made = events.pick('Opened').decider({ initialState, decide, evolve })
  const states = projection({ name: 'states', key, ...made })
  expect(states.events).toEqual(['Opened'])
  const plain = decider({ initialState, decide: (): RecordedEvent | undefined => undefined, evolve })
  expect(projection({ name: 'states', key, ...plain }).events).toBeUndefined()
  expect(() => projection({ name: 'states', key, initialState, evolve, events: wrong({}) })).toThrow(
    'events must name at least one event type',
  )
})

/** The arguments of the InvalidInputError with this message. */
function parts(message: string): [field: string, problem: string, received: string] {
  const [, field = '', problem = '', received = ''] = /^(\S+) (.+); received (.+)$/.exec(message) ?? []
  return [field, problem, received]
}
