/** Waiting that a signal can end. */
import { describe, expect, it } from 'vitest'
import { abortable, forEachItem, sleep } from '../src/runtime/abort.ts'

const reason = new Error('given up')
const never = new Promise<never>(() => {})

describe('abortable', () => {
  it('settles as the work does', async () => {
    const { signal } = new AbortController()
    expect(await abortable(Promise.resolve(7), signal)).toBe(7)
    expect(await abortable(Promise.resolve(7), undefined)).toBe(7)
    await expect(abortable(Promise.reject(reason), signal)).rejects.toBe(reason)
  })

  it('rejects with the reason, before, during, and though the work fails later', async () => {
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

  it('ends a sleep', async () => {
    const controller = new AbortController()
    const sleeping = sleep(3_600_000, controller.signal)
    controller.abort(reason)
    await expect(sleeping).rejects.toBe(reason)
    await sleep(1)
  })
})

describe('forEachItem', () => {
  /** Counts up, and says when it is closed. */
  function counting(log: string[]) {
    return {
      async *slowly() {
        try {
          for (let number = 1; number <= 3; number++) yield number
        } finally {
          log.push('closed')
        }
      },
      *atOnce() {
        try {
          for (let number = 1; number <= 3; number++) yield number
        } finally {
          log.push('closed')
        }
      },
    }
  }

  for (const kind of ['slowly', 'atOnce'] as const) {
    it(`hands over all items of a source that yields ${kind}, one at a time, and closes it`, async () => {
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

  it('does not begin when the signal is aborted', async () => {
    const log: string[] = []
    const take = () => expect.fail('nothing is to be taken')
    const call = forEachItem<number>(counting(log).atOnce(), AbortSignal.abort(reason), take)
    await expect(call).rejects.toBe(reason)
    expect(log).toEqual([])
  })

  it('does not wait for a source that hangs, nor for the end of it', async () => {
    const controller = new AbortController()
    const hanging: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({ next: () => never, return: () => never }),
    }
    const call = forEachItem(hanging, controller.signal, () => undefined)
    controller.abort(reason)
    await expect(call).rejects.toBe(reason)
  })

  it('lets the error of a source through', async () => {
    async function* failing() {
      yield 1
      throw reason
    }
    const call = forEachItem(failing(), new AbortController().signal, () => undefined)
    await expect(call).rejects.toBe(reason)
  })
})
