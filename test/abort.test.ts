/** Waiting that a signal can end. */
import { describe, expect, it } from 'vitest'
import { abortable, abortableItems, sleep } from '../src/abort.ts'

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

describe('abortableItems', () => {
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
    it(`gives all items of a source that yields ${kind}, and closes it`, async () => {
      const log: string[] = []
      const seen: number[] = []
      const { signal } = new AbortController()
      for await (const item of abortableItems<number>(counting(log)[kind](), signal)) seen.push(item)
      expect(seen).toEqual([1, 2, 3])
      expect(log).toEqual(['closed'])
    })

    it(`closes a source that yields ${kind} when the reader breaks off or the signal is aborted`, async () => {
      const log: string[] = []
      const controller = new AbortController()
      for await (const item of abortableItems<number>(counting(log)[kind](), controller.signal)) {
        expect(item).toBe(1)
        break
      }
      const items = abortableItems<number>(counting(log)[kind](), controller.signal)
      expect((await items.next()).value).toBe(1)
      controller.abort(reason)
      await expect(items.next()).rejects.toBe(reason)
      await new Promise(setImmediate)
      expect(log).toEqual(['closed', 'closed'])
    })
  }

  it('does not wait for a source that hangs', async () => {
    const controller = new AbortController()
    const hanging: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({ next: () => never, return: () => never }),
    }
    const next = abortableItems(hanging, controller.signal).next()
    controller.abort(reason)
    await expect(next).rejects.toBe(reason)
  })

  it('lets the error of a source through', async () => {
    async function* failing() {
      yield 1
      throw reason
    }
    const items = abortableItems(failing(), new AbortController().signal)
    await items.next()
    await expect(items.next()).rejects.toBe(reason)
  })
})
