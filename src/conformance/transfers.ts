/** Cases of concurrent `appendAll` calls: none deadlocks, none is half done, and none is made on a stale version. */
import assert from 'node:assert/strict'
import { hasCode } from '../errors/index.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { counted, logOf, numbersOf, range, streamOf } from './events.ts'
import { allAtOnce } from './expect.ts'

const group = 'appendAll in races'
const accounts = ['a', 'b', 'c', 'd']

async function balance(store: EventStore, account: string): Promise<{ sum: number; version: number }> {
  const { events, version } = await store.readStream(account)
  return { sum: numbersOf(events).reduce((sum, amount) => sum + amount, 0), version }
}

/** Moves one coin, unless the account is empty. Decides again after a conflict with another transfer. */
async function transfer(store: EventStore, from: string, to: string): Promise<void> {
  for (;;) {
    const source = await balance(store, from)
    const target = await balance(store, to)
    if (source.sum === 0) return
    try {
      await store.appendAll([
        { streamId: from, events: counted(1, -1), expectedVersion: source.version },
        { streamId: to, events: counted(1, 1), expectedVersion: target.version },
      ])
      return
    } catch (error) {
      if (!hasCode(error, 'wrong-expected-version')) throw error
    }
  }
}

function transfersKeepTheSum(storesNeeded: 1 | 4): ConformanceCase {
  return {
    group,
    name: `keeps the sum of all accounts while 16 callers move coins${storesNeeded === 1 ? '' : ', through four stores'}`,
    ...(storesNeeded === 4 && { needs: ['shared-data'] }),
    async run({ open }) {
      const stores = await allAtOnce(storesNeeded, () => open())
      const store = stores[0] as EventStore
      for (const account of accounts) await store.append(account, counted(1, 3))
      await allAtOnce(16, async (caller) => {
        for (const turn of range(1, 4)) {
          const from = accounts[(caller + turn) % 4] as string
          const to = accounts[(caller + turn + 1 + (caller % 3)) % 4] as string
          if (from !== to) await transfer(stores[caller % storesNeeded] as EventStore, from, to)
        }
      })
      const sums = await Promise.all(accounts.map(async (account) => (await balance(store, account)).sum))
      assert.equal(
        sums.reduce((total, sum) => total + sum),
        12,
      )
      assert.ok(sums.every((sum) => sum >= 0))
    },
  }
}

export const transferCases: readonly ConformanceCase[] = [
  transfersKeepTheSum(1),
  transfersKeepTheSum(4),
  {
    group,
    name: 'makes appends to one stream and to several at once, with any and with exact versions',
    async run({ open }) {
      const store = await open()
      let conflicts = 0
      await allAtOnce(48, async (caller) => {
        const expectedVersion = caller % 4 === 0 ? Math.floor(caller / 8) : 'any'
        const names = caller % 2 === 0 ? ['x', 'y'] : ['y', 'x']
        try {
          if (caller % 3 === 0) await store.append('x', counted(1), { expectedVersion })
          else
            await store.appendAll(
              names.map((streamId) => ({ streamId, events: counted(1), expectedVersion })),
            )
        } catch (error) {
          if (!hasCode(error, 'wrong-expected-version')) throw error
          conflicts++
        }
      })
      const versions = (await logOf(store)).map(({ streamId, version }) => `${streamId}${version}`)
      const [x, y] = await Promise.all([streamOf(store, 'x'), streamOf(store, 'y')])
      const expected = [...range(1, x.length).map((v) => `x${v}`), ...range(1, y.length).map((v) => `y${v}`)]
      assert.deepEqual(versions.toSorted(), expected.toSorted())
      // All 36 callers that expected 'any' succeeded: a third of them appended to x alone, the others to both.
      assert.ok(y.length >= 24 && x.length >= 36 && conflicts <= 12)
    },
  },
  {
    group,
    name: 'checks the version of a stream against appends at the same moment',
    async run({ open }) {
      const store = await open()
      // Each call requires that the other stream is empty. The store must refuse one of two such calls.
      for (const round of range(1, 25)) {
        const [left, right] = [`left-${round}`, `right-${round}`]
        const attempts = await Promise.allSettled([
          store.appendAll([
            { streamId: left, events: counted(1) },
            { streamId: right, events: [], expectedVersion: 0 },
          ]),
          store.appendAll([
            { streamId: right, events: counted(1) },
            { streamId: left, events: [], expectedVersion: 'noStream' },
          ]),
        ])
        assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1)
        for (const attempt of attempts) {
          if (attempt.status === 'rejected') assert.ok(hasCode(attempt.reason, 'wrong-expected-version'))
        }
      }
      assert.equal((await logOf(store)).length, 25)
    },
  },
  {
    group,
    name: 'shows the events of a call in all its streams at the same moment',
    async run({ open }) {
      const store = await open()
      let writing = true
      const writers = allAtOnce(8, async (writer) => {
        for (const number of range(1, 12)) {
          const streams = [`x-${writer}`, `y-${writer}`]
          await store.appendAll(streams.map((streamId) => ({ streamId, events: counted(2, number) })))
        }
      }).finally(() => {
        writing = false
      })
      while (writing) {
        await allAtOnce(8, async (writer) => {
          const x = await store.readStream(`x-${writer}`)
          const y = await store.readStream(`y-${writer}`)
          assert.ok(x.version % 2 === 0 && y.version % 2 === 0 && x.version <= y.version)
        })
      }
      await writers
      assert.equal((await logOf(store)).length, 384)
    },
  },
]
