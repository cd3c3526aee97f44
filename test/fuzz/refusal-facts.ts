/** Checks the error of a refused call. */
import assert from 'node:assert/strict'
import type { InvalidInputError } from '@eventsourced/core'
import type { Fault } from './samples.ts'

/** Asserts that the error is short, names a field at fault, and shows the beginning of its value. */
export function assertTells(refusal: InvalidInputError, faults: readonly Fault[]): void {
  const named = faults.filter(({ field }) => refusal.field === field || isWithin(field, refusal.field))
  assert.ok(named.length > 0, `${refusal.message}: names ${faults.map(({ field }) => field).join(' or ')}`)
  assert.ok(refusal.message.length < 1_000, 'the message is short')
  assert.ok(refusal.message.includes(refusal.received))
  const exact = named.filter(({ field }) => field === refusal.field)
  const shown = exact.map(({ value }) => beginningOf(value)).filter((text) => text !== undefined)
  if (exact.length === named.length && shown.length === exact.length) {
    assert.ok(
      shown.some((text) => refusal.received.startsWith(text)),
      `${refusal.message} shows ${shown}`,
    )
  }
}

const isWithin = (field: string, inner: string) =>
  inner.startsWith(`${field}.`) || inner.startsWith(`${field}[`)

/** How an error must show this value at least, or `undefined` if an error shows only what kind of value it is. */
function beginningOf(value: unknown): string | undefined {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 50)).slice(0, -1)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'bigint') return String(value).slice(0, 50)
  return value === null || typeof value === 'boolean' ? String(value) : undefined
}
