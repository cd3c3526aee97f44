/** Literals next to a spread in an array keep their types, in deciders and projections. Checked by `tsc`; never run. */
import { decider, projection, type RecordedEvent } from '@eventsourced/core'

type E = { type: 'A'; data: { n: number } } | { type: 'B'; data: object }
type Item = { sku: string; status: 'new' | 'shipped' }
decider({
  initialState: (): { items: Item[] } => ({ items: [] }),
  decide: (_: 'x'): E[] => [],
  evolve: (s) => ({ items: [...s.items, { sku: 'a', status: 'new' }] }),
})
decider({
  initialState: (): { items: readonly Item[] } => ({ items: [] }),
  decide: (_: 'x'): E[] => [],
  evolve(s, { type }) {
    switch (type) {
      case 'A':
        return { items: [...s.items, { sku: 'a', status: 'new' }] }
      case 'B':
        return { ...s }
    }
  },
})
decider({ initialState: (): ('a' | 'b')[] => [], decide: (_: 'x'): E[] => [], evolve: (s) => [...s, 'a'] })
decider({
  initialState: (): { path: [number, number][] } => ({ path: [] }),
  decide: (_: 'x'): E[] => [],
  evolve: (s) => ({ path: [...s.path, [1, 2]] }),
})
decider({
  initialState: (): { rows: ('x' | 'y')[][] } => ({ rows: [] }),
  decide: (_: 'x'): E[] => [],
  evolve: (s) => ({ rows: s.rows.map((r) => [...r, 'x']) }),
})
decider({
  initialState: (): { n: 0n | 1n } => ({ n: 0n }),
  decide: (_: 'x'): E[] => [],
  evolve: () => ({ n: 1n }),
})
projection({
  name: 'p',
  events: ['A'],
  key: (e: RecordedEvent<E>) => e.streamId,
  initialState: (): { items: Item[] } => ({ items: [] }),
  evolve: (s) => ({ items: [...s.items, { sku: 'a', status: 'new' }] }),
})
