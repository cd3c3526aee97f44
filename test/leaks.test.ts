/** What calls leave behind: listeners, memory, and promises that nobody awaits. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { memoryStore } from '@eventsourced/core'
import { expect, it } from 'vitest'
import { latch } from '../src/conformance/expect.ts'
import { abortable } from '../src/runtime/abort.ts'

/** Returns the warnings of the process while `work` runs. */
async function warningsDuring(work: () => Promise<unknown>): Promise<string[]> {
  const heard: string[] = []
  const hear = (warning: Error) => heard.push(String(warning))
  process.on('warning', hear)
  await work()
  await new Promise(setImmediate)
  process.removeListener('warning', hear)
  return heard
}

it('any number of calls may wait with one signal: Node prints no warning, and no listener stays', async () => {
  const store = memoryStore()
  const controller = new AbortController()
  const { signal } = controller
  let listeners = 0
  const [add, remove] = [signal.addEventListener, signal.removeEventListener]
  signal.addEventListener = (...parameters: Parameters<typeof add>) => {
    listeners++
    return add.apply(signal, parameters)
  }
  signal.removeEventListener = (...parameters: Parameters<typeof remove>) => {
    listeners--
    return remove.apply(signal, parameters)
  }
  const heard = await warningsDuring(async () => {
    const { release, released } = latch()
    const held = Array.from({ length: 30 }, () => abortable(released, signal))
    const readers = Array.from({ length: 30 }, () => {
      const reader = store.readAll({ follow: true, signal })[Symbol.asyncIterator]()
      return { reader, next: reader.next() }
    })
    await new Promise(setImmediate)
    release()
    await Promise.all(held)
    for (const { reader } of readers) await reader.return?.()
    await Promise.all(readers.map(({ next }) => next))
  })
  expect(heard).toEqual([])
  expect(listeners).toBe(0)
  // The signal still ends every call.
  const waiting = [abortable(new Promise(() => {}), signal), abortable(new Promise(() => {}), signal)]
  controller.abort(new Error('the end'))
  for (const wait of waiting) await expect(wait).rejects.toThrow('the end')
  await store.close()
})

it('caughtUp keeps nothing of a finished call', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const store = memoryStore()
  await store.append('a', [{ type: 'A', data: 1 }])
  const subscription = store.subscribe({ name: 's', handle() {} })
  const { signal } = new AbortController()
  async function used(calls: number): Promise<number> {
    for (let call = 0; call < calls; call++) {
      await subscription.caughtUp()
      await subscription.caughtUp({ signal })
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
    collect()
    return process.memoryUsage().heapUsed
  }
  await used(500)
  const before = await used(500)
  const calls = 4_000
  const after = await used(calls)
  // Each call kept about 1,000 bytes, and one with a signal more.
  expect((after - before) / calls).toBeLessThan(200)
  await store.close()
})

it('a rejected promise of onProgress is the error of the import', async () => {
  const store = memoryStore()
  const events = [1, 2, 3].map((data) => ({
    streamId: 'a',
    type: 'A',
    data,
    id: `00000000-0000-4000-8000-00000000000${data}`,
  }))
  const failure = new Error('the progress bar is gone')
  const onProgress = async () => {
    await new Promise(setImmediate)
    throw failure
  }
  await expect(store.import(events, { batchSize: 1, onProgress })).rejects.toBe(failure)
  await store.close()
})
