/** `GroupRead`: how it gathers and settles reads. The test writes every answer of the database. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { StorageError, StoreUnavailableError } from '../src/errors/index.ts'
import { GroupRead } from '../src/storage/group-read.ts'

/** A request that has reached the database, and functions to answer it. */
interface Request {
  readonly names: string
  answer(): Promise<void>
  fail(error: unknown): Promise<void>
}

/** Lets the group send the called reads, if no request is running. */
const soon = () => Promise.resolve()
const turn = () => new Promise((resolve) => setImmediate(resolve))
/** Lets callers get an answer, and lets the group send the reads that waited for it. */
const turns = () =>
  turn()
    .then(turn)
    .then(() => {})

function scripted(maxBatch = 32) {
  const requests: Request[] = []
  function send(names: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      requests.push({
        names: names.join(' '),
        answer() {
          resolve()
          return turns()
        },
        fail(error) {
          reject(error)
          return turns()
        },
      })
    })
  }
  const group = new GroupRead<string>({ alone: (name) => send([name]), together: send, maxBatch })
  /** Reads the first one, and calls for the others while that request is running. */
  async function readFirst(first: string, ...others: readonly string[]): Promise<Promise<void>[]> {
    void group.read(first)
    await soon()
    return others.map((name) => group.read(name))
  }
  return { requests, group, readFirst, sent: () => requests.map(({ names }) => names) }
}

describe('gathering', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('sends a single read at once, and the next one when it has ended', async () => {
    const { requests, group, sent } = scripted()
    const first = group.read('a')
    await soon()
    expect(sent()).toEqual(['a'])
    await requests[0]?.answer()
    await first
    void group.read('b')
    await soon()
    expect(sent()).toEqual(['a', 'b'])
  })

  it('sends reads that are called in the same tick together', async () => {
    const { group, sent } = scripted()
    for (const name of ['a', 'b', 'c']) void group.read(name)
    await soon()
    expect(sent()).toEqual(['a b c'])
  })

  it('sends reads that are called during a request together, and later ones when a request ends', async () => {
    const { requests, group, readFirst, sent } = scripted()
    await readFirst('a', 'b', 'c', 'd')
    await turn()
    expect(sent()).toEqual(['a', 'b c d'])
    for (const name of ['e', 'f']) void group.read(name)
    await turns()
    expect(sent().length).toBe(2)
    await requests[1]?.answer()
    expect(sent()).toEqual(['a', 'b c d', 'e f'])
  })

  it('sends the next reads of the callers of a group together', async () => {
    const { requests, group, sent } = scripted()
    const twice = async (name: string) => {
      await group.read(name)
      await group.read(`${name}${name}`)
    }
    for (const name of ['a', 'b', 'c']) void twice(name)
    await soon()
    await requests[0]?.answer()
    expect(sent()).toEqual(['a b c', 'aa bb cc'])
  })

  it('sends at most maxBatch reads together', async () => {
    const { group, sent } = scripted(2)
    for (const name of ['a', 'b', 'c', 'd', 'e']) void group.read(name)
    await soon()
    expect(sent()).toEqual(['a b', 'c d'])
  })

  it('sends each read alone and at once if maxBatch is 1', () => {
    const { group, sent } = scripted(1)
    for (const name of ['a', 'b', 'c', 'd']) void group.read(name)
    expect(sent()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('sends waiting reads after 20 ms, also if a slow request still runs', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { requests, group, readFirst, sent } = scripted()
    await readFirst('slow', 'slow too')
    await turn()
    void group.read('a')
    await turns()
    expect(sent()).toEqual(['slow', 'slow too'])
    vi.advanceTimersByTime(20)
    await turns()
    expect(sent()).toEqual(['slow', 'slow too', 'a'])
    for (const request of requests) await request.answer()
    await turns()
    expect(vi.getTimerCount()).toBe(0)
    // The late end of a slow request must not allow more requests than before.
    await readFirst('b', 'c', 'd')
    await turn()
    for (const name of ['e', 'f']) void group.read(name)
    await turns()
    expect(sent().slice(3)).toEqual(['b', 'c d'])
  })
})

describe('outcomes', () => {
  it('makes each read alone when the group fails, and reports an error only to its caller', async () => {
    const { requests, readFirst, sent } = scripted()
    const [b, c] = await readFirst('a', 'b', 'c')
    const refused = expect(c).rejects.toMatchObject({ cause: { message: 'at fault' } })
    await turn()
    await requests[1]?.fail(new StorageError('Reading', new Error('one of them')))
    expect(sent()).toEqual(['a', 'b c', 'b', 'c'])
    await requests[2]?.answer()
    await requests[3]?.fail(new StorageError('Reading', new Error('at fault')))
    await b
    await refused
  })

  it('reports to all callers that the database cannot be reached', async () => {
    const { requests, readFirst, sent } = scripted()
    const settled = Promise.allSettled(await readFirst('a', 'b', 'c'))
    await turn()
    const error = new StoreUnavailableError('Reading', 3, new Error('gone'))
    await requests[1]?.fail(error)
    expect(await settled).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ])
    expect(sent().length).toBe(2)
  })

  it('does not send a read that was aborted while it waited', async () => {
    const { group, sent } = scripted()
    const controller = new AbortController()
    void group.read('a')
    const aborted = group.read('b', controller.signal)
    void group.read('c')
    controller.abort(new Error('given up'))
    await expect(aborted).rejects.toThrow('given up')
    await turn()
    expect(sent()).toEqual(['a c'])
  })

  it('sends the next read when all waiting reads were aborted', async () => {
    const { group, sent } = scripted()
    const aborted = group.read('a', AbortSignal.abort(new Error('given up')))
    await expect(aborted).rejects.toThrow('given up')
    void group.read('b')
    await soon()
    expect(sent()).toEqual(['b'])
  })
})
