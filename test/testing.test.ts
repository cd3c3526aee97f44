/** `given(…).when(…).then(…)`: what passes, what fails, and with which message. */
import { AssertionError } from 'node:assert'
import { decider, InvalidInputError } from '@eventsourced/core'
import { given } from '@eventsourced/core/testing'
import { describe, expect, it } from 'vitest'

type CartEvent =
  | { type: 'Added'; data: { item: string; price: number }; tags?: readonly string[]; id?: string }
  | { type: 'CheckedOut'; data: { total: number; coupon?: string | undefined } }
type CartCommand = { type: 'Add'; item: string; price: number } | { type: 'CheckOut' } | { type: 'Look' }

class CartClosed extends Error {
  override name = 'CartClosed'
}

function decide(command: CartCommand, { total, open }: { total: number; open: boolean }): CartEvent[] {
  if (command.type === 'Look') return []
  if (!open) throw new CartClosed('This cart was checked out')
  if (command.type === 'CheckOut') return [{ type: 'CheckedOut', data: { total, coupon: undefined } }]
  const { item, price } = command
  return [{ type: 'Added', data: { item, price }, tags: [`item:${item}`] }]
}

const cart = decider({
  initialState: () => ({ total: 0, open: true }),
  decide,
  evolve(state, event) {
    switch (event.type) {
      case 'Added':
        return { ...state, total: state.total + event.data.price }
      case 'CheckedOut':
        return { ...state, open: false }
    }
  },
})
const slowCart = decider({
  ...cart,
  decide: async (command: CartCommand, state: { total: number; open: boolean }) => decide(command, state),
})

const tea: CartEvent = { type: 'Added', data: { item: 'tea', price: 4 } }
const cup: CartEvent = { type: 'Added', data: { item: 'cup', price: 9 } }
const checkedOut: CartEvent = { type: 'CheckedOut', data: { total: 13 } }
const addTea: CartCommand = { type: 'Add', item: 'tea', price: 4 }

describe('given, when, then', () => {
  it('compares the decided events', () => {
    given(cart).when(addTea).then([tea])
    given(cart).when(addTea).then(tea)
    given(cart, [tea, cup]).when({ type: 'CheckOut' }).then([checkedOut])
  })

  it('compares tags, metadata and ids only if they are expected', () => {
    given(cart)
      .when(addTea)
      .then([{ ...tea, tags: ['item:tea'] }])
    expect(() =>
      given(cart)
        .when(addTea)
        .then([{ ...tea, tags: ['item:cup'] }]),
    ).toThrow(/[+-] +'item:cup'/)
    const id = '01890000-0000-7000-8000-000000000000'
    expect(() =>
      given(cart)
        .when(addTea)
        .then([{ ...tea, id }]),
    ).toThrow(id)
  })

  it('checks that nothing was decided', () => {
    given(cart).when({ type: 'Look' }).thenNothing()
    given(cart).when({ type: 'Look' }).then([])
    expect(() => given(cart).when(addTea).thenNothing()).toThrow(/something was decided\.\n[\s\S]*'Added'/)
  })

  it('checks the refusal by class, message, test, or at all', () => {
    const refused = given(cart, [tea, checkedOut]).when({ type: 'CheckOut' })
    refused.thenThrows()
    refused.thenThrows(CartClosed)
    refused.thenThrows(Error)
    refused.thenThrows(/checked out/)
    refused.thenThrows((error) => error instanceof CartClosed)
    expect(() => refused.thenThrows(RangeError)).toThrow(
      "Given Added, CheckedOut, when { type: 'CheckOut' }: RangeError was expected, but decide threw CartClosed: This cart was checked out",
    )
    expect(() => refused.thenThrows(/empty/)).toThrow(
      'an error with the message /empty/ was expected, but decide threw CartClosed',
    )
    expect(() => refused.thenThrows(() => false)).toThrow(
      'an error that passes () => false was expected, but decide threw CartClosed',
    )
  })

  it('checks the state, with and without a command', () => {
    given(cart).thenState({ total: 0, open: true })
    given(cart, [tea, cup]).thenState({ total: 13, open: true })
    given(cart, [tea, cup]).when({ type: 'CheckOut' }).thenState({ total: 13, open: false })
    expect(() => given(cart, [tea]).thenState({ total: 5, open: true })).toThrow(
      /^Given Added, the state is not the expected one\.\n[\s\S]*total: 4[\s\S]*total: 5/,
    )
  })

  it('gives the decider recorded events, with payloads that went through JSON', () => {
    const seen: unknown[] = []
    const spy = decider({
      ...cart,
      evolve(state, event) {
        seen.push(event)
        return cart.evolve(state, event)
      },
    })
    given(spy, [tea, { type: 'CheckedOut', data: { total: 4, coupon: undefined } }]).thenState({
      total: 4,
      open: false,
    })
    expect(seen).toMatchObject([
      { streamId: 'given', version: 1, position: 1, metadata: {}, tags: [], recordedAt: expect.any(Date) },
      { streamId: 'given', version: 2, position: 2 },
    ])
    expect(Object.keys((seen[1] as { data: object }).data)).toEqual(['total'])
    const [first, second] = seen as { id: string; recordedAt: Date }[]
    expect(first?.id).not.toBe(second?.id)
    expect(first && second && first.recordedAt < second.recordedAt).toBe(true)
  })

  // The fault: a spread copied an undefined property over what the decider must find in a recorded event.
  it('gives a property that is undefined in a past event the value that a missing one gets', () => {
    const seen: unknown[] = []
    const spy = decider({
      ...cart,
      evolve(state, event) {
        seen.push(event)
        return cart.evolve(state, event)
      },
    })
    const absent = {
      ...{ streamId: undefined, version: undefined, position: undefined, recordedAt: undefined },
      ...{ id: undefined, metadata: undefined, tags: undefined },
    }
    given(spy, [{ ...tea, ...absent } as never]).thenState({ total: 4, open: true })
    given(spy, [tea]).thenState({ total: 4, open: true })
    expect(seen[0]).toEqual(seen[1])
    expect(seen[0]).toMatchObject({ streamId: 'given', version: 1, recordedAt: expect.any(Date) })
  })
})

describe('a check that fails', () => {
  it('names the past events and the command, and shows the difference', () => {
    const failing = () => given(cart, [tea]).when({ type: 'CheckOut' }).then([checkedOut])
    expect(failing).toThrow(AssertionError)
    expect(failing).toThrow(
      /^Given Added, when \{ type: 'CheckOut' \}: the decided events are not the expected ones\.\n/,
    )
    expect(failing).toThrow(/\+ +total: 4\n- +total: 13/)
  })

  it('shows the error that decide threw instead of events, and keeps it as the cause', () => {
    const failing = () => given(cart, [checkedOut]).when(addTea).then([tea])
    expect(failing).toThrow('decide threw CartClosed: This cart was checked out')
    expect(failing).toThrow(expect.objectContaining({ cause: expect.any(CartClosed) }))
  })

  it('names the events that decide returned instead of an error', () => {
    expect(() => given(cart).when(addTea).thenThrows(CartClosed)).toThrow('but decide gave Added')
    expect(() => given(cart).when({ type: 'Look' }).thenThrows()).toThrow(
      'an error was expected, but decide gave nothing',
    )
  })

  it('refuses events that every store would refuse', () => {
    const bad = { type: 'Added', data: { item: 'tea', price: Number.NaN } } as const
    expect(() => given(cart, [bad])).toThrow(InvalidInputError)
    expect(() =>
      given(cart)
        .when({ ...addTea, price: Number.NaN })
        .then([tea]),
    ).toThrow('decided[0].data.price')
  })

  it('names the event for which evolve returns undefined', () => {
    const forgetful = decider({
      ...cart,
      // TypeScript allows this only with a type assertion; JavaScript allows it always.
      evolve: (state, event) => (event.type === 'Added' ? cart.evolve(state, event) : (undefined as never)),
    })
    const facts = { code: 'undefined-state', eventType: 'CheckedOut', streamId: 'given', version: 2 }
    expect(() => given(forgetful, [tea, checkedOut])).toThrow(expect.objectContaining(facts))
    const checkingOut = given(forgetful, [tea]).when({ type: 'CheckOut' })
    expect(() => checkingOut.thenState({ total: 4, open: false })).toThrow(expect.objectContaining(facts))
  })

  it('reports a sentence without a check', async () => {
    const unfinished: unknown = given(cart).when(addTea)
    await expect(async () => await unfinished).rejects.toThrow('given(…).when(…) alone checks nothing')
  })
})

describe('an asynchronous decider', () => {
  it('is checked when it settles', async () => {
    await given(slowCart).when(addTea).then([tea])
    await given(slowCart).when({ type: 'Look' }).thenNothing()
    await given(slowCart, [tea, checkedOut]).when(addTea).thenThrows(CartClosed)
    await given(slowCart, [tea]).when(addTea).thenState({ total: 8, open: true })
    await expect(given(slowCart).when(addTea).then([cup])).rejects.toThrow(/the decided events are not/)
    await expect(given(slowCart).when(addTea).thenThrows()).rejects.toThrow('but decide gave Added')
    await expect(given(slowCart, [checkedOut]).when(addTea).thenNothing()).rejects.toThrow('decide threw')
  })
})
