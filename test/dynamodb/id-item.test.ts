/** Tests the item of event ids: it returns each id's event as it was added, by one update or by several. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  idsIn,
  idUpdate,
  itemsFor,
  type LocatedId,
  locationIn,
  neighboursIn,
} from '../../src/dynamodb/appends/id-item.ts'
import type { Item } from '../../src/dynamodb/requests/attributes.ts'

const start = '0190b5a8-0000-8000-8000-00000000000'
const idOf = (digit: number) => `${start}${digit.toString(16)}`

/** Applies an update as DynamoDB does. */
function apply(item: Item, update: ReturnType<typeof idUpdate>['update']): Item {
  const sets = update.UpdateExpression.slice('SET '.length).split(', ')
  const changes = sets.map((set) => {
    const [name, value] = set.split(' = ') as [string, string]
    expect(item[name]).toBeUndefined()
    expect(update.ConditionExpression).toContain(`attribute_not_exists(${name})`)
    return [name, update.ExpressionAttributeValues[value]]
  })
  return { ...update.Key, ...item, ...Object.fromEntries(changes) }
}

describe('the item of event ids', () => {
  it('returns where the events are, however many updates added their ids', () => {
    const numbers = fc.integer({ min: 1, max: 3 })
    const run = fc.record({
      digits: fc.uniqueArray(fc.integer({ min: 0, max: 15 }), { minLength: 1 }),
      streamId: fc.constantFrom('a', 'b', '["'),
      version: numbers,
      position: numbers,
      isRun: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(run, { maxLength: 5 }), (runs) => {
        const all = new Map<number, LocatedId>()
        let item: Item = {}
        for (const { digits, streamId, version, position, isRun } of runs) {
          const added = digits.filter((digit) => !all.has(digit))
          const located = added.map((digit): LocatedId => {
            const distance = isRun ? digit : 0
            const location = {
              streamId,
              version: version + distance,
              position: position + distance,
              recordedAt: 1_700_000_000_000,
            }
            return { id: idOf(digit), location }
          })
          for (const [nth, digit] of added.entries()) all.set(digit, located[nth] as LocatedId)
          const [neighbours, ...others] = neighboursIn(located)
          expect(others).toEqual([])
          if (neighbours !== undefined) item = apply(item, idUpdate(neighbours).update)
        }
        for (let digit = 0; digit < 16; digit++) {
          expect(locationIn(item, idOf(digit))).toEqual(all.get(digit)?.location)
        }
        const sorted = [...all].sort(([a], [b]) => a - b).map(([, located]) => located)
        if (all.size > 0) expect(idsIn(item)).toEqual(sorted)
      }),
    )
  })

  it('groups neighbours, and keeps an id that occurs twice apart', () => {
    const located = (digit: number): LocatedId => ({
      id: idOf(digit),
      location: { streamId: 'a', version: 1, position: 1, recordedAt: 1 },
    })
    const ids = [0, 5, 5, 15].map(located)
    expect(neighboursIn(ids).map((group) => [...group.keys()])).toEqual([
      [0, 5],
      [5, 15],
    ])
    expect(itemsFor(ids.map(({ id }) => id))).toBe(1)
    expect(itemsFor([])).toBe(0)
  })
})
