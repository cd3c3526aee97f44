/** `inPlace`: a fold that changes its state gives the same states as a pure one, and changes nothing that others have. */
import assert from 'node:assert/strict'
import {
  commandHandler,
  decider,
  type Event,
  FoldInPlaceError,
  fold,
  foldStream,
  inPlace,
  memoryStore,
  projection,
  type RecordedEvent,
} from '@eventsourced/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { copyOfState } from '../src/command/state-parts.ts'
import { recorded } from './recorded.ts'

type Put = { type: 'Put'; data: { key: string; values: string[] } }
type Cleared = { type: 'Cleared'; data: { key: string } }
type ShelfEvent = Put | Cleared
interface Shelf {
  at: Record<string, string[]>
  count: number
}

const newShelf = (): Shelf => ({ at: {}, count: 0 })
/** Keeps the array of the first event for a key, and adds to it: the event must not change. */
const putInPlace = inPlace((state: Shelf, { type, data }: ShelfEvent) => {
  state.count++
  if (type === 'Cleared') delete state.at[data.key]
  else if (state.at[data.key] === undefined) state.at[data.key] = data.values
  else state.at[data.key]?.push(...data.values)
})
const putPurely = ({ at, count }: Shelf, { type, data }: ShelfEvent): Shelf => {
  const { [data.key]: values, ...others } = at
  return {
    at: type === 'Cleared' ? others : { ...at, [data.key]: [...(values ?? []), ...data.values] },
    count: count + 1,
  }
}

const shelf = (evolve: typeof putPurely) =>
  decider({
    initialState: newShelf,
    decide: (events: readonly ShelfEvent[] | 'fail'): readonly ShelfEvent[] => {
      if (events === 'fail') throw new Error('refused')
      return events
    },
    evolve,
  })
const [pure, changing] = [shelf(putPurely), shelf(putInPlace)]

const put = (key: string, ...values: string[]): Put => ({ type: 'Put', data: { key, values } })
const plainRecord = <T>(shape: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) =>
  fc.record(shape, { noNullPrototype: true })
const shelfEvent: fc.Arbitrary<ShelfEvent> = fc.oneof(
  plainRecord<Put>({
    type: fc.constant('Put'),
    data: plainRecord({
      key: fc.constantFrom('a', 'b', 'c'),
      values: fc.array(fc.string(), { maxLength: 3 }),
    }),
  }),
  plainRecord<Cleared>({
    type: fc.constant('Cleared'),
    data: plainRecord({ key: fc.constantFrom('a', 'b') }),
  }),
)

const copied = <T>(value: T): T => structuredClone(value)
/** Returns the state with the entries of `at` in order: the two deciders add them in another order. */
const plain = ({ at, count }: Shelf) => ({ at: Object.entries(at).sort(), count })

/** Runs `call`, and returns the `FoldInPlaceError` that it must throw. */
function foldError(call: () => unknown): FoldInPlaceError {
  try {
    call()
  } catch (error) {
    assert.ok(error instanceof FoldInPlaceError, `${error}`)
    return error
  }
  assert.fail('nothing was thrown')
}

/** Two events for a decider whose state has one member. */
const twoPuts = () => recorded(put('a', 'x'), put('a', 'y'))
const holding = (member: unknown) => ({
  initialState: () => ({ member: undefined as unknown }),
  evolve: inPlace((state: { member: unknown }) => {
    state.member = member
  }),
})

describe('equals a pure evolve', () => {
  it('in fold, from the initial state and from a given one, and changes neither states nor events', () => {
    fc.assert(
      fc.property(fc.array(shelfEvent), fc.array(shelfEvent), (before, after) => {
        const [past, events] = [recorded(...before), recorded(...after)]
        const untouched = copied([past, events])
        const middle = fold(changing, past)
        const kept = copied(middle)
        assert.deepEqual(plain(middle), plain(fold(pure, past)))
        assert.deepEqual(plain(fold(changing, events, middle)), plain(fold(pure, events, fold(pure, past))))
        assert.deepEqual(middle, kept)
        assert.deepEqual(
          plain(events.reduce((state: Shelf, event: ShelfEvent) => putInPlace(state, event), middle)),
          plain(fold(pure, events, middle)),
        )
        assert.deepEqual(middle, kept)
        assert.deepEqual([past, events], untouched)
      }),
      { numRuns: 1000 },
    )
  })

  const step = fc.record({
    by: fc.constantFrom<0 | 1 | 'append'>(0, 0, 1, 'append'),
    stream: fc.constantFrom('a', 'a', 'b'),
    events: fc.oneof(
      { weight: 6, arbitrary: fc.array(shelfEvent, { maxLength: 3 }) },
      { weight: 1, arbitrary: fc.constant('fail' as const) },
    ),
    commandId: fc.option(fc.constantFrom('x', 'y'), { nil: undefined, freq: 3 }),
    isAny: fc.boolean(),
    atOnce: fc.boolean(),
  })
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

  it('in command handlers, with and without a cache, one by one and at once', async () => {
    const run = async (steps: readonly Step[], cacheSize: number) => {
      const store = memoryStore()
      const handlers = [0, 1].map(() => commandHandler({ store, decider: changing, cacheSize }))
      const results: { stream: string; version: number; kept: [Shelf, readonly RecordedEvent[]] }[] = []
      const copies: unknown[] = []
      const take = async ({ by, stream, events, commandId, isAny }: Step) => {
        const own = copied(events)
        const handle = by === 'append' ? undefined : handlers[by]
        if (handle === undefined) return void (await store.append(stream, own === 'fail' ? [] : own))
        const options = { commandId, ...(isAny && { expectedVersion: 'any' as const }) }
        const result = await handle(stream, own, options).catch((error: Error) => error.message)
        if (typeof result === 'string') return assert.equal(result, 'refused')
        const { state, version, events: caused } = result
        results.push({ stream, version, kept: [state, caused] })
        copies.push(copied([state, caused]))
      }
      const running: Promise<void>[] = []
      for (const one of steps) {
        running.push(take(one))
        if (!one.atOnce) await Promise.all(running.splice(0))
      }
      await Promise.all(running)
      assert.deepEqual(
        results.map(({ kept }) => kept),
        copies,
      )
      for (const { stream, version, kept } of results) {
        const expected = await foldStream(store, stream, pure, { toVersion: version })
        assert.deepEqual(plain(kept[0]), plain(expected.state))
        const { events } = await store.readStream(stream)
        for (const event of kept[1]) assert.deepEqual(event, events[event.version - 1])
      }
    }
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 15, size: 'max' }),
        fc.constantFrom(0, 1, 10),
        async (steps, cacheSize) => run(steps, cacheSize),
      ),
      { numRuns: 200 },
    )
  })

  it('in the documents of an inline projection and of a rebuild, also where one event changes several', async () => {
    const shelves = (evolve: typeof putPurely, name: string) =>
      projection({
        name,
        key: ({ data, streamId }: RecordedEvent<ShelfEvent>) => [streamId, `key ${data.key}`, 'all'],
        initialState: newShelf,
        evolve,
      })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.array(shelfEvent))),
        async (appends) => {
          const projections = [shelves(putPurely, 'pure'), shelves(putInPlace, 'changing')] as const
          const store = memoryStore({ inline: projections })
          for (const [stream, events] of appends) await store.append(stream, events)
          const documentsOf = async (one: (typeof projections)[number]) => {
            const documents = new Map<string, unknown>()
            for await (const { key, state } of store.view(one).list()) documents.set(key, plain(state))
            return documents
          }
          const expected = await documentsOf(projections[0])
          assert.deepEqual(await documentsOf(projections[1]), expected)
          assert.equal((await store.verify(projections[1])).ok, true)
          await store.rebuild(projections[1])
          assert.deepEqual(await documentsOf(projections[1]), expected)
        },
      ),
      { numRuns: 50 },
    )
  })
})

describe('refuses', () => {
  it('an initial state that is not new in each call, and names the part', () => {
    const shared = { at: {}, count: 0 }
    const nested = { ...shared, list: [{ deep: new Map([['k', { at: {} }]]) }] }
    const cases: readonly [() => object, string][] = [
      [() => shared, 'state'],
      [() => ({ ...shared }), 'state.at'],
      [() => ({ list: [...nested.list] }), 'state.list[0]'],
      [() => ({ m: new Map(nested.list[0]?.deep) }), 'state.m.k'],
      [() => ({ s: new Set([shared]) }), 'state.s[an object]'],
      [() => ({ 'a b': shared }), 'state["a b"]'],
    ]
    for (const [initialState, part] of cases) {
      const error = foldError(() => fold({ initialState, evolve: inPlace(() => {}) }, []))
      expect(error).toMatchObject({ code: 'fold-in-place', reason: 'initial-state', part })
      expect(error.message).toContain('create it inside initialState')
      fold({ initialState, evolve: (state: object) => state }, [])
    }
  })

  it('an initial state that cannot be changed', () => {
    for (const value of [0, 'text', null, undefined, true]) {
      const evolution = { initialState: () => value as unknown as object, evolve: inPlace(() => {}) }
      const error = foldError(() => fold(evolution, []))
      expect(error).toMatchObject({ reason: 'initial-state', part: 'state' })
    }
  })

  it('a state that structuredClone does not copy exactly, and names the part', () => {
    class Money {
      amount = 1
    }
    const cases: readonly [unknown, string][] = [
      [new Money(), 'state.member'],
      [[1, { deep: new Money() }], 'state.member[1].deep'],
      [() => 1, 'state.member'],
      [{ of: Symbol('s') }, 'state.member.of'],
      [{ [Symbol('s')]: 1 }, 'state.member'],
      [new (class extends Map {})(), 'state.member'],
      [new (class extends Array {})(), 'state.member'],
      [new Set([new WeakMap()]), 'state.member[an instance of WeakMap]'],
      [new Map([[new Money(), 1]]), 'state.member[an instance of Money]'],
      [Promise.resolve(), 'state.member'],
      [Buffer.from('a'), 'state.member'],
      [new Error('e'), 'state.member'],
      [Object.create({}), 'state.member'],
      [Object.create(null), 'state.member'],
      [new Proxy({}, {}), 'state'],
    ]
    for (const [member, part] of cases) {
      const evolution = holding(member)
      const state = fold(evolution, twoPuts())
      const error = foldError(() => fold(evolution, twoPuts(), state))
      expect(error).toMatchObject({ reason: 'state', part })
      expect(error.message).toContain('use an evolve without inPlace')
      expect(foldError(() => evolution.evolve(state))).toMatchObject({ part })
    }
    const getter = { initialState: () => ({ get at() { return 1 } }), evolve: inPlace(() => {}) } // biome-ignore format: short
    expect(foldError(() => fold(getter, []))).toMatchObject({ reason: 'initial-state', part: 'state.at' })
  })

  it('a change that returns a value or is asynchronous, and names the event', async () => {
    const results = [{ at: {} }, null, 0, false, Promise.reject(new Error('late')), []]
    for (const result of results) {
      const evolve = inPlace((_state: Shelf, _event: Event) => result as unknown as undefined)
      const evolution = { initialState: newShelf, evolve }
      for (const call of [() => fold(evolution, twoPuts()), () => evolve(newShelf(), put('a'))]) {
        expect(foldError(call)).toMatchObject({ reason: 'result', part: "the result for 'Put'" })
      }
    }
    // A late rejection would end the process.
    await new Promise(setImmediate)
  })

  it('a value that is no function', () => {
    for (const value of [undefined, null, {}, 'text']) {
      expect(() => inPlace(value as never)).toThrow('change must be a function')
    }
  })
})

it('copies every state that structuredClone copies exactly', () => {
  const shared = { a: 1 }
  const cyclic: unknown[] = [shared, shared]
  cyclic.push(cyclic)
  let deep: object = {}
  for (let depth = 0; depth < 1000; depth++) deep = { deep }
  const state = {
    ...{ cyclic, deep, date: new Date(), map: new Map([[shared, new Set([1n])]]), expression: /a/g },
    ...{ bytes: new Uint8Array([1]), buffer: new ArrayBuffer(2), view: new DataView(new ArrayBuffer(2)) },
    ...{ undefined, nothing: null, hole: new Array(2) },
    ['__proto__']: { own: true },
  }
  const copy = copyOfState(state)
  assert.deepEqual(copy, structuredClone(state))
  assert.equal(copy.cyclic[0], copy.cyclic[1])
  assert.notEqual(copy.cyclic[0], shared)
})

it('keeps no half-changed state if the change throws', async () => {
  const store = memoryStore()
  let failsAt: number | undefined
  const evolve = inPlace((state: { values: number[] }, { data }: { type: 'Added'; data: number }) => {
    state.values.push(data)
    if (data === failsAt) throw new Error('half-way')
  })
  const decide = (data: number) => ({ type: 'Added' as const, data })
  const handle = commandHandler({
    store,
    decider: { initialState: () => ({ values: [] as number[] }), decide, evolve },
    cacheSize: 1,
  })
  const kept = await handle('a', 1)
  failsAt = 2
  // The event is recorded; folding it has failed.
  await expect(handle('a', 2)).rejects.toThrow('half-way')
  await expect(handle('a', 3)).rejects.toThrow('half-way')
  failsAt = undefined
  expect((await handle('a', 3)).state).toEqual({ values: [1, 2, 3] })
  expect(kept.state).toEqual({ values: [1] })
})

it('takes time in proportion to the events, however many parts the state has', () => {
  const count = 20_000
  const events = recorded(...Array.from({ length: count }, (_, index) => put(`night ${index}`, 'x')))
  const counter = {
    initialState: () => ({ count: 0 }),
    evolve: inPlace((state: { count: number }, _event: ShelfEvent) => {
      state.count++
    }),
  }
  const fastest = (call: () => unknown) => {
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now()
      call()
      return performance.now() - start
    })
    return Math.min(...times)
  }
  // Spreading takes more than a thousand times as long as counting.
  expect(fastest(() => fold(changing, events)) / fastest(() => fold(counter, events))).toBeLessThan(20)
})
