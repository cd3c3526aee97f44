/** Where the graph of a trace places events. */
import { describe, expect, it } from 'vitest'
import { layout } from '../../../page/src/screens/trace/graph-layout.ts'
import type { TracedEventShape } from '../../../src/console/shapes/event.ts'

const event = (id: string, streamId: string, position: number, cause?: string): TracedEventShape => ({
  ...{ id, streamId, position, version: 1, type: 'Happened', data: {}, metadata: {}, tags: [] },
  ...{ recordedAt: '2026-01-01T00:00:00.000Z', isCut: false, depth: 0 },
  ...(cause !== undefined && { cause }),
})
const places = (events: readonly TracedEventShape[]) =>
  layout(events).events.map(({ event, lane, column }) => [event.id, lane, column])

describe('the graph of a trace', () => {
  it('has a lane for each stream, and each event right of its cause', () => {
    const events = [
      event('placed', 'order', 1),
      event('asked', 'payment', 2, 'placed'),
      event('reserved', 'stock', 3, 'placed'),
      event('paid', 'payment', 4, 'asked'),
    ]
    expect(layout(events).lanes).toEqual(['order', 'payment', 'stock'])
    expect(places(events)).toEqual([
      ['placed', 0, 0],
      ['asked', 1, 1],
      ['reserved', 2, 1],
      ['paid', 1, 2],
    ])
    expect(layout(events).arrows.map(({ from, to }) => [from.event.id, to.event.id])).toEqual([
      ['placed', 'asked'],
      ['placed', 'reserved'],
      ['asked', 'paid'],
    ])
  })

  it('keeps the order of the log from left to right, also when the tree has another one', () => {
    const events = [
      event('a', 'one', 1),
      event('c', 'two', 9, 'a'),
      event('b', 'one', 5),
      event('d', 'three', 10),
    ]
    const columns = places(events).map(([, , column]) => column)
    expect(places(events).map(([id]) => id)).toEqual(['a', 'b', 'c', 'd'])
    expect(columns).toEqual([...columns].sort())
  })

  it('ends for events that name each other as their causes', () => {
    const events = [event('a', 'one', 1, 'b'), event('b', 'one', 2, 'a'), event('c', 'one', 3, 'c')]
    expect(layout(events).columns).toBe(3)
    expect(layout(events).arrows).toHaveLength(2)
  })

  it('is empty without events', () => {
    expect(layout([])).toEqual({ lanes: [], columns: 0, events: [], arrows: [] })
  })
})
