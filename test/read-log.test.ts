/** `readLog`: how it reads the log in pages and follows it. The test writes every answer of the storage. */
import { memoryStore, type RecordedEvent } from '@eventsourced/core'
import type { LogPage, LogQuery } from '@eventsourced/core/storage'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readLog } from '../src/engine/read-log.ts'
import { LogReader } from '../src/log/log-reader.ts'
import type { ReadAllOptions } from '../src/reads.ts'
import { systemClock } from '../src/runtime/clock.ts'
import { Operations } from '../src/runtime/operations.ts'
import { Wakeup } from '../src/runtime/wakeup.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const eventAt = (position: number) => ({ position, tags: [] as readonly string[] }) as RecordedEvent

function page(positions: readonly number[], through: number, frontier: number, full = false): LogPage {
  return { events: positions.map(eventAt), through, frontier, full, readAt: new Date(0) }
}

/** A storage that answers with these pages or errors in order, then always with the last one, and records each query. */
function scripted(pages: readonly (LogPage | Error)[], duringQuery: (wakeup: Wakeup) => void = () => {}) {
  const asked: Pick<LogQuery, 'after' | 'until' | 'limit'>[] = []
  const wakeup = new Wakeup()
  const operations = new Operations()
  const storage = {
    async readLogPage({ after, until, limit }: LogQuery) {
      asked.push({ after, until, limit })
      duringQuery(wakeup)
      const answer = pages[asked.length - 1] ?? pages.at(-1)
      if (answer instanceof Error) throw answer
      return answer as LogPage
    },
  }
  return {
    asked,
    wakeup,
    operations,
    read: (options: ReadAllOptions = {}) =>
      readLog(storage, options, new LogReader(storage, wakeup, systemClock), operations, undefined),
  }
}

async function positionsOf(events: AsyncIterable<RecordedEvent>): Promise<number[]> {
  const positions: number[] = []
  for await (const { position } of events) positions.push(position)
  return positions
}

const highest = Number.MAX_SAFE_INTEGER

describe('reading to the end', () => {
  it('continues after a full page, up to the frontier of the first page', async () => {
    const { asked, read } = scripted([page([1, 2], 2, 5, true), page([3, 5], 5, 9)])
    expect(await positionsOf(read())).toEqual([1, 2, 3, 5])
    expect(asked).toEqual([
      { after: 0, until: highest, limit: 1000 },
      { after: 2, until: 5, limit: 1000 },
    ])
  })

  it('ends without another query when the first page reached the end', async () => {
    const { asked, read } = scripted([page([], 0, 0)])
    expect(await positionsOf(read())).toEqual([])
    expect(asked.length).toBe(1)
  })

  it('asks for no more than the limit', async () => {
    const { asked, read } = scripted([page([1, 2], 2, 9, true), page([3], 3, 9, true)])
    expect(await positionsOf(read({ limit: 3 }))).toEqual([1, 2, 3])
    expect(asked.map(({ limit }) => limit)).toEqual([3, 1])
  })

  it('continues backward below the last event of each page', async () => {
    const { asked, read } = scripted([page([9, 7], 7, 9, true), page([4], 2, 9)])
    expect(await positionsOf(read({ direction: 'backward', after: 2 }))).toEqual([9, 7, 4])
    expect(asked.map(({ after, until }) => [after, until])).toEqual([
      [2, highest],
      [2, 6],
    ])
  })
})

describe('fetching ahead', () => {
  const three = [page([1, 2], 2, 9, true), page([3, 4], 4, 9, true), page([5], 5, 9)]

  it('asks for only one next page before it shows the first event of a full page', async () => {
    const { asked, read } = scripted(three)
    const reader = read()[Symbol.asyncIterator]()
    const askedAt: number[] = []
    for (let next = await reader.next(); !next.done; next = await reader.next()) askedAt.push(asked.length)
    expect(askedAt).toEqual([2, 2, 3, 3, 3])
    expect(asked.map(({ after, until }) => [after, until])).toEqual([
      [0, highest],
      [2, 9],
      [4, 9],
    ])
  })

  it('fetches no further page after a page that is not full, at the limit, or at the end', async () => {
    for (const [pages, options] of [
      [[page([1, 2], 2, 9)], {}],
      [[page([1, 2], 2, 9)], { follow: true }],
      [[page([1, 2], 2, 9, true)], { limit: 2 }],
      [[page([1, 2], 2, 9, true)], { until: 2 }],
      [[page([1, 2], 2, 2, true)], {}],
      [[page([9, 3], 3, 9, true)], { direction: 'backward', after: 2 }],
    ] as const) {
      const { asked, read } = scripted(pages)
      const reader = read(options)[Symbol.asyncIterator]()
      await reader.next()
      await reader.next()
      expect(asked.length, JSON.stringify(options)).toBe(1)
      await reader.return?.()
    }
  })

  it('fetches ahead when following too, and then sleeps at the end', async () => {
    const { asked, read } = scripted([page([1, 2], 2, 9, true), page([3], 3, 9)])
    const reader = read({ follow: true })[Symbol.asyncIterator]()
    await reader.next()
    expect(asked.length).toBe(2)
    await reader.next()
    await reader.next()
    expect(asked.length).toBe(2)
    await reader.return?.()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('shows the events before the error of the next page', async () => {
    const { read } = scripted([page([1, 2], 2, 9, true), new Error('out of order')])
    const seen: number[] = []
    await expect(async () => {
      for await (const { position } of read()) seen.push(position)
    }).rejects.toThrow('out of order')
    expect(seen).toEqual([1, 2])
  })

  it('leaves no rejection unhandled when the reader stops, throws or aborts meanwhile', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const failing = [page([1, 2], 2, 9, true), new Error('no reader waits for this')]
    for await (const _ of scripted(failing).read()) break
    const thrown = new Error('thrown')
    await expect(async () => {
      for await (const _ of scripted(failing).read()) throw thrown
    }).rejects.toBe(thrown)
    const controller = new AbortController()
    await expect(async () => {
      for await (const _ of scripted(failing).read({ signal: controller.signal })) controller.abort(thrown)
    }).rejects.toBe(thrown)
    await new Promise(setImmediate)
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('does not show a page that was fetched ahead once the store is closed', async () => {
    const { operations, read } = scripted(three)
    const seen: number[] = []
    await expect(async () => {
      for await (const { position } of read()) {
        seen.push(position)
        if (position === 1) await operations.close(async () => {})
      }
    }).rejects.toMatchObject({ code: 'store-closed' })
    expect(seen).toEqual([1, 2])
  })
})

describe('following', () => {
  it('continues after the last event and not after the frontier, as positions between them may be assigned again', async () => {
    const { asked, read } = scripted([page([1, 2], 2, 8), page([], 2, 8), page([5], 5, 8)])
    const reader = read({ follow: true })[Symbol.asyncIterator]()
    const seen = [await reader.next(), await reader.next()]
    const next = reader.next()
    await vi.advanceTimersByTimeAsync(1000)
    seen.push(await next)
    expect(seen.map(({ value }) => (value as RecordedEvent).position)).toEqual([1, 2, 5])
    expect(asked.map(({ after }) => after)).toEqual([0, 2, 2])
  })

  it('polls less and less often while no event comes, down to four times a second', async () => {
    const { asked, read } = scripted([page([], 0, 0)])
    const controller = new AbortController()
    const reading = positionsOf(read({ follow: true, signal: controller.signal }))
    await vi.advanceTimersByTimeAsync(0)
    expect(asked.length).toBe(1)
    await vi.advanceTimersByTimeAsync(5)
    expect(asked.length).toBe(2)
    await vi.advanceTimersByTimeAsync(10)
    expect(asked.length).toBe(3)
    await vi.advanceTimersByTimeAsync(2000)
    const settled = asked.length
    await vi.advanceTimersByTimeAsync(10_000)
    expect(asked.length - settled).toBe(40)
    controller.abort(new Error('seen enough'))
    await expect(reading).rejects.toThrow('seen enough')
  })

  it('polls at once when this process appends, and ends when the store is closed', async () => {
    const { asked, wakeup, operations, read } = scripted([page([], 0, 0)])
    const reading = positionsOf(read({ follow: true }))
    await vi.advanceTimersByTimeAsync(2_000)
    const before = asked.length
    wakeup.wake()
    await vi.advanceTimersByTimeAsync(0)
    expect(asked.length).toBe(before + 1)
    void operations.close(async () => {})
    wakeup.wake()
    await expect(reading).rejects.toMatchObject({ code: 'store-closed' })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('shows the writes of the same store without waiting for the next poll', async () => {
    const store = memoryStore()
    const reader = store.readAll({ follow: true })[Symbol.asyncIterator]()
    const event = { type: 'T', data: 1 }
    for (const write of [
      () => store.append('a', [event]),
      () => store.appendAll([{ streamId: 'a', events: [event] }]),
      () => store.import([{ ...event, streamId: 'a' }], { name: 'n' }),
    ]) {
      const next = reader.next()
      // Lets the reader find nothing until it polls four times a second.
      await vi.advanceTimersByTimeAsync(2_000)
      await write()
      await vi.advanceTimersByTimeAsync(0)
      expect((await next).done).toBe(false)
    }
    await reader.return?.()
  })

  it('misses no append that comes during a query, after the page was made', async () => {
    const { asked, read } = scripted([page([], 0, 0), page([1], 1, 1)], (wakeup) => wakeup.wake())
    const reading = positionsOf(read({ follow: true, limit: 1 }))
    // The shortest time between two looks.
    await vi.advanceTimersByTimeAsync(5)
    expect(await reading).toEqual([1])
    expect(asked.length).toBe(2)
  })

  it('ends once the frontier has reached until, also if no event is there', async () => {
    const { read } = scripted([page([1], 1, 3), page([], 1, 6)])
    const reading = positionsOf(read({ follow: true, until: 6 }))
    await vi.advanceTimersByTimeAsync(100)
    expect(await reading).toEqual([1])
  })

  it('leaves no timer behind when it is aborted', async () => {
    const { read } = scripted([page([], 0, 0)])
    const controller = new AbortController()
    const reading = positionsOf(read({ follow: true, signal: controller.signal }))
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(1)
    controller.abort(new Error('given up'))
    await expect(reading).rejects.toThrow('given up')
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('another server that answers', () => {
  const onServer = (server: string, positions: readonly number[], through: number) => ({
    ...page(positions, through, 1_000, true),
    server,
    events: positions.map((position) => ({ position, id: `${position}` }) as RecordedEvent),
  })

  it('is queried again after the last shown event, if it has that event', async () => {
    const { asked, read } = scripted([
      onServer('old', [1, 3], 5),
      onServer('new', [8], 8),
      onServer('new', [3], 3),
      onServer('new', [5, 8], 8),
    ])
    expect(await positionsOf(read({ types: ['A'], limit: 4 }))).toEqual([1, 3, 5, 8])
    expect(asked.map(({ after }) => after)).toEqual([0, 5, 2, 3])
  })

  it('has lost the end of the log if that event is missing or another one is there, which is an error', async () => {
    for (const found of [[], [4]]) {
      const pages = [onServer('old', [1, 3], 3), onServer('new', [8], 8), onServer('new', found, 3)]
      const { read } = scripted([...pages, { ...page([], 8, 8), server: 'new' }])
      await expect(positionsOf(read())).rejects.toMatchObject({ code: 'log-truncated', after: 3 })
    }
  })

  it('is queried from the start while no event was shown', async () => {
    const { asked, read } = scripted([
      onServer('old', [], 7),
      onServer('new', [], 9),
      onServer('new', [3], 9),
    ])
    expect(await positionsOf(read({ after: 2, limit: 1 }))).toEqual([3])
    expect(asked.map(({ after }) => after)).toEqual([2, 7, 2])
  })
})

it('refuses wrong options when it is called, not when it is iterated', () => {
  const { read } = scripted([page([], 0, 0)])
  expect(() => read({ limit: 0 })).toThrow(/limit/)
  expect(() => read({ after: -1 })).toThrow(/after/)
  expect(() => read({ types: [] })).toThrow(/types/)
  expect(() => read({ follow: true, direction: 'backward' })).toThrow(/follow/)
})
