/** `fold`: computes a state from events, without a store. */
import { fold, UndefinedStateError } from '@eventsourced/core'
import { expect, it } from 'vitest'
import { recorded } from './recorded.ts'

type Put = { type: 'Put'; data: string | undefined }

/** An evolution whose state is the value that was put last. */
const last = (initial: string | undefined) => ({
  initialState: () => initial,
  evolve: (_state: string | undefined, { data }: Put) => data,
})

const put = (...values: readonly (string | undefined)[]) =>
  recorded(...values.map((data): Put => ({ type: 'Put', data })))

it('fails on the first event for which evolve returns undefined', () => {
  const lost = () => fold(last('none'), put('a', undefined, 'b'))
  expect(lost).toThrow(UndefinedStateError)
  expect(lost).toThrow(
    "evolve returned undefined for event 'Put' (version 2 of stream 's'); it must return the state after the event, or the state it got if the event changes nothing",
  )
  expect(() => fold(last('none'), put(undefined), 'given')).toThrow(UndefinedStateError)
})

it('accepts undefined as a state where the initial state is undefined', () => {
  expect(fold(last(undefined), put('a', undefined))).toBe(undefined)
  expect(fold(last(undefined), put('a', undefined, 'b'))).toBe('b')
  expect(fold(last(undefined), put(undefined), 'given')).toBe(undefined)
})

it('accepts null as a state', () => {
  const evolution = {
    initialState: () => 0,
    evolve: (_state: number | null, { data }: { type: string; data: null }) => data,
  }
  expect(
    fold<number | null, { type: string; data: null }>(evolution, recorded({ type: 'Put', data: null })),
  ).toBe(null)
})
