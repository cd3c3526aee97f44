/** The options of `console`: a wrong one is refused by its name. */
import { InvalidInputError, memoryStore } from '@eventsourced/core'
import { describe, expect, it } from 'vitest'
import { type ConsoleOptions, console } from '../../src/console/index.ts'

const fieldOf = (options: unknown): string => {
  try {
    console(options as ConsoleOptions)
  } catch (error) {
    return error instanceof InvalidInputError ? error.field : String(error)
  }
  return 'accepted'
}

describe('an option of console', () => {
  it('may be left out, or undefined', () => {
    const names = ['name', 'deciders', 'projections', 'readOnly', 'redact', 'token', 'hosts', 'actor']
    const options = Object.fromEntries(
      [...names, 'timeout', 'metrics', 'onError'].map((name) => [name, undefined]),
    )
    expect(fieldOf({ store: memoryStore(), ...options })).toBe('accepted')
  })

  it('must be one that exists: a console with `readonly` would act', () => {
    expect(fieldOf({ store: memoryStore(), readonly: true })).toBe('readonly')
    expect(() => console({ store: memoryStore(), readonly: true } as ConsoleOptions)).toThrow('readOnly')
  })

  it.each([
    ['store', Object.create(null)],
    ['store', undefined],
    ['name', 5],
    ['deciders', null],
    ['deciders', { order: {} }],
    ['projections', {}],
    ['projections', [1]],
    ['readOnly', 'false'],
    ['redact', {}],
    ['token', 'short'],
    ['hosts', 'localhost'],
    ['hosts', 5],
    ['hosts', ['https://ops.example.org']],
    ['actor', 'mara'],
    ['timeout', '5'],
    ['timeout', 0],
    ['metrics', {}],
    ['onError', true],
  ])('`%s` must not be %j', (name, value) => {
    expect(fieldOf({ store: memoryStore(), [name]: value })).toBe(name)
  })

  it.each([undefined, null, 5])('must be in an object, not in %j', (options) => {
    expect(fieldOf(options)).toBe('options')
  })
})
