/** `importIds`: gives an imported event the same id every time. The ids of a source differ, and sort like its events. */
import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { importIds } from '../src/engine/import-ids.ts'

const indexes = [0, 1, 9, 15, 16, 255, 256, 4095, 4096, 2 ** 32 - 1, 2 ** 32, 2 ** 48, 2 ** 53 - 1]

it('makes ids of UUID version 8 that sort by their index in the source', () => {
  const ids = indexes.map(importIds('shop'))
  for (const id of ids)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(ids).toEqual([...new Set(ids)].sort())
})

it('makes the same id for the same name and index in every release', () => {
  // The store recognises recorded events by these ids, so they must never change.
  const hash = createHash('sha256').update('eventsourced import shop').digest('hex')
  const id = importIds('shop')(0x123456789)
  expect(id.slice(0, 13).replace('-', '')).toBe(hash.slice(0, 12))
  expect(id.slice(15, 18)).toBe(hash.slice(12, 15))
  expect(Number.parseInt(id.charAt(19), 16) & 3).toBe(Number.parseInt(hash.charAt(15), 16) & 3)
  expect(id.slice(20)).toBe('000-000123456789')
})

it('makes other ids for other names', () => {
  const names = [
    'shop',
    'Shop',
    'shop ',
    '',
    'é',
    'import shop',
    ...Array.from({ length: 1000 }, (_, index) => `${index}`),
  ]
  expect(new Set(names.map((name) => importIds(name)(7))).size).toBe(names.length)
})
