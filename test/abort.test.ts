/** Waits that an AbortSignal can end. */
import { describe, expect, it } from 'vitest'
import { abortable, forEachItem, sleep } from '../src/runtime/abort.ts'

const reason = new Error('aborted by the test')
const never = new Promise<never>(() => {})

describe('abortable', () => {
  it('settles like the work', async () => {
    const { signal } = new AbortController()
    expect(await abortable(Promise.resolve(7), signal)).toBe(7)
    expect(await abortable(Promise.resolve(7), undefined)).toBe(7)
    await expect(abortable(Promise.reject(reason), signal)).rejects.toBe(reason)
  })

  it('rejects with the reason if the signal is aborted before or during the work, and ignores a later failure', async () => {
    await expect(abortable(never, AbortSignal.abort(reason))).rejects.toBe(reason)
    const controller = new AbortController()
    let fail = (_: unknown) => {}
    const work = new Promise<never>((_, reject) => {
      fail = reject
    })
    const waiting = abortable(work, controller.signal)
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    fail(new Error('too late to matter'))
    await new Promise(setImmediate)
  })

  it('rejects a sleep when the signal is aborted', async () => {
    const controller = new AbortController()
    const sleeping = sleep(3_600_000, controller.signal)
    controller.abort(reason)
    await expect(sleeping).rejects.toBe(reason)
    await sleep(1)
  })
})

describe('forEachItem', () => {
  /** Yields 1 to 3, and logs when it is closed. */
  function counting(log: string[]) {
    return {
      async *asynchronously() {
        try {
          for (let number = 1; number <= 3; number++) yield number
        } finally {
          log.push('closed')
        }
      },
      *synchronously() {
        try {
          for (let number = 1; number <= 3; number++) yield number
        } finally {
          log.push('closed')
        }
      },
    }
  }

  for (const kind of ['asynchronously', 'synchronously'] as const) {
    it(`takes all items of a source that yields ${kind}, one at a time, and closes the source`, async () => {
      const log: string[] = []
      const { signal } = new AbortController()
      await forEachItem<number>(counting(log)[kind](), signal, (item) => {
        log.push(`takes ${item}`)
        if (item === 3) return
        return sleep(1).then(() => void log.push(`took ${item}`))
      })
      expect(log).toEqual(['takes 1', 'took 1', 'takes 2', 'took 2', 'takes 3', 'closed'])
    })

    it(`closes a source that yields ${kind} when an item fails or the signal is aborted`, async () => {
      const fails = [
        () => {
          throw reason
        },
        () => Promise.reject(reason),
      ]
      for (const fail of fails) {
        const log: string[] = []
        const { signal } = new AbortController()
        await expect(forEachItem<number>(counting(log)[kind](), signal, fail)).rejects.toBe(reason)
        expect(log).toEqual(['closed'])
      }
      const log: string[] = []
      const controller = new AbortController()
      const call = forEachItem<number>(counting(log)[kind](), controller.signal, (item) => {
        log.push(`takes ${item}`)
        controller.abort(reason)
        return undefined
      })
      await expect(call).rejects.toBe(reason)
      await new Promise(setImmediate)
      expect(log).toEqual(['takes 1', 'closed'])
    })
  }

  it('takes nothing if the signal is aborted before the call', async () => {
    const log: string[] = []
    const take = () => expect.fail('no item may be taken')
    const call = forEachItem<number>(counting(log).synchronously(), AbortSignal.abort(reason), take)
    await expect(call).rejects.toBe(reason)
    expect(log).toEqual([])
  })

  it('waits neither for the next item of a source that hangs nor until it is closed', async () => {
    const controller = new AbortController()
    const hanging: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({ next: () => never, return: () => never }),
    }
    const call = forEachItem(hanging, controller.signal, () => undefined)
    controller.abort(reason)
    await expect(call).rejects.toBe(reason)
  })

  it('rejects with the error of the source', async () => {
    async function* failing() {
      yield 1
      throw reason
    }
    const call = forEachItem(failing(), new AbortController().signal, () => undefined)
    await expect(call).rejects.toBe(reason)
  })
})
