/** Cases of live views through a catalogue: splits, renames, and events that the catalogue cannot read. */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { ConformanceCase } from './case.ts'
import { hotel, memories, remember, todayOf } from './catalogue-hotel.ts'
import { lists } from './catalogue-projections.ts'
import { openUnreadable, unreadables } from './catalogue-unreadable.ts'
import { collect } from './events.ts'
import { refused } from './expect.ts'
import { watched } from './watched.ts'

const group = 'catalogues: live views'

/** Counts today's events by their types. */
const types = projection({
  name: 'types',
  key: ({ type }: RecordedEvent) => type,
  initialState: () => 0,
  evolve: (count: number) => count + 1,
})

export const catalogueWatchCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'yield the documents of each part of a split event, and of a renamed one, under the types of today',
    async run({ open }) {
      const withdrawals = lists('withdrawals', ['Withdrawn'])
      const store = await open({ events: hotel(), inline: [types, withdrawals] })
      await store.append('a', [{ type: 'Withdrawn', data: { reason: 'late' } }])
      const byType = watched(store.view(types).watch({ prefix: '' }))
      const ofStream = watched(store.view(withdrawals).watch('a'))
      assert.equal((await byType.next()).reset, true)
      assert.equal((await ofStream.next()).state?.events.length, 1)

      const some = memories.filter(({ stored }) => ['Moved', 'Cancelled'].includes(stored.type))
      const [moved, cancelled] = [some[0], some.at(-1)]
      assert.ok(moved !== undefined && cancelled !== undefined)
      await remember(store, 'a', [moved.stored])
      const position = (await collect(store.raw.readAll())).at(-1)?.position
      const parts = [await byType.next(), await byType.next()].map((change) => {
        assert.ok(!change.reset)
        return { key: change.key, state: change.state, position: change.position }
      })
      assert.deepEqual(
        parts.sort((left, right) => (left.key < right.key ? -1 : 1)),
        ['Released', 'Reserved'].map((key) => ({ key, state: 1, position })),
      )

      await remember(store, 'a', [cancelled.stored])
      const renamed = await byType.next()
      assert.ok(!renamed.reset)
      assert.deepEqual([renamed.key, renamed.state], ['Withdrawn', 2])
      // Its filter names the type of today alone.
      const { state } = await ofStream.next()
      assert.deepEqual(state?.events.slice(1), todayOf([cancelled]))
      await byType.end()
      await ofStream.end()
    },
  },
  ...unreadables.map(
    (one): ConformanceCase => ({
      group,
      name: `end with an error at ${one.name}, and begin with the present documents if these contain it`,
      needs: one.needs,
      async run(context) {
        const inline = lists('inline')
        const store = await openUnreadable(context, one, [inline])
        const [first] = await collect(store.raw.readAll({ limit: 1 }))
        // The documents of the async projection end before the event, and so its watches meet it.
        const behind = lists('behind')
        await refused(store.runOnce({ projection: behind }), 'subscription-failed')
        const facts = { reason: one.reason, streamId: 'a', version: 2 }
        for (const scope of ['a', { prefix: '' }] as const) {
          const view = store.view(behind)
          const meeting = typeof scope === 'string' ? watched(view.watch(scope)) : watched(view.watch(scope))
          await refused(
            meeting.until(() => false),
            'unreadable-event',
            facts,
          )
        }

        const view = store.view(inline)
        const present = watched(view.watch('a'))
        const { state, generation } = await present.next()
        assert.equal(state?.events.length, 3)
        const after = first?.position as number
        const resumed = watched(view.watch('a', { after, generation }))
        const again = await resumed.next()
        assert.deepEqual([again.reset, again.state?.events.length], [true, 3])
        await store.append('a', [{ type: 'Good', data: { number: 4 } }])
        for (const watch of [present, resumed]) {
          assert.equal((await watch.next()).state?.events.length, 4)
          await watch.end()
        }
      },
    }),
  ),
]
