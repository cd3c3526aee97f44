/** Watches while the projection is rebuilt again and again, appends go on, and callers are fast or slow. */
import assert from 'node:assert/strict'
import { describe, expect, it } from 'vitest'
import { balances, deposit } from '../../src/conformance/balances.ts'
import { collect, range } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { onEachStore } from '../each-store.ts'
import { rounds } from '../rounds.ts'

const keys = range(1, 5).map((number) => `k-${number}`)

interface Shown {
  readonly key: string
  readonly revision: number
  readonly generation: number
  readonly position: number
}

describe('watches during rebuilds', () => {
  onEachStore(({ name }, withWorld) => {
    it.each(['inline', 'async'] as const)(
      'an %s projection: no state is older than a former one of its generation',
      {
        timeout: 120_000 * rounds,
      },
      (mode) =>
        withWorld(async ({ open }) => {
          const store = await open(mode === 'inline' ? { inline: [balances] } : {})
          const running = mode === 'async' ? store.subscribe({ projection: balances }) : undefined
          await store.append(
            's',
            keys.map((key) => deposit(key, 1)),
          )
          await running?.caughtUp()
          const view = store.view(balances)
          const stop = new AbortController()
          const problems: string[] = []
          const watches = range(0, 5).map((nth) => {
            const shown = new Map<string, Shown>()
            let [generation, position] = [0, 0]
            const take = (one: Shown) => {
              const former = shown.get(one.key)
              if (former?.generation === one.generation && one.revision < former.revision)
                problems.push(`watch ${nth}: ${one.key} revision ${one.revision} after ${former.revision}`)
              shown.set(one.key, one)
            }
            const ended = (async () => {
              const options = { signal: stop.signal }
              const changes =
                nth < 3 ? view.watch({ prefix: 'k-' }, options) : view.watch(keys[nth - 3] as string, options)
              for await (const change of changes) {
                if (change.generation < generation) problems.push(`watch ${nth}: generation went back`)
                if (change.position < position && !change.reset)
                  problems.push(`watch ${nth}: position went back`)
                if (change.generation > generation && !change.reset) problems.push(`watch ${nth}: no reset`)
                ;({ generation, position } = change)
                if ('documents' in change) {
                  assert.equal(change.documents.length, keys.length)
                  for (const one of change.documents) take({ ...one, generation })
                } else take({ ...change })
                if (nth % 3 === 2) await sleep(30)
              }
            })().catch((error) => {
              if (!stop.signal.aborted) problems.push(`watch ${nth}: ${error}`)
            })
            return { shown, ended, keys: nth < 3 ? keys : [keys[nth - 3] as string] }
          })
          let isWriting = true
          const writing = (async () => {
            for (let count = 0; isWriting; count++) {
              await store.append(`s-${count % 2}`, [deposit(keys[(count * 7) % 5] as string, 1)])
              await sleep(count % 3)
            }
          })()
          for (const _ of range(1, (name === 'dynoxide' ? 2 : 4) * rounds)) {
            await store.rebuild(balances)
            await sleep(100)
          }
          isWriting = false
          await writing
          await running?.caughtUp()
          const wanted = new Map((await collect(view.list())).map((one) => [one.key, one.revision]))
          const isComplete = ({ shown, keys }: (typeof watches)[number]) =>
            keys.every((key) => shown.get(key)?.revision === wanted.get(key))
          const deadline = performance.now() + 20_000
          while (!watches.every(isComplete) && performance.now() < deadline) await sleep(20)
          stop.abort()
          await Promise.all(watches.map(({ ended }) => ended))
          expect(problems).toEqual([])
          expect(watches.map(isComplete)).toEqual(watches.map(() => true))
        }),
    )
  })
})
