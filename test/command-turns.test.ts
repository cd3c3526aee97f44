/**
 * Commands of one stream take turns. The fault: a decision that hangs, or waits for a command behind it, would keep the
 * commands behind it waiting for ever; so would a turn that goes to a command in the moment of its abort.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { commandHandler, decider, memoryStore } from '@eventsourced/core'
import { describe, expect, it } from 'vitest'
import { Turns } from '../src/command/turns.ts'
import { latch } from '../src/conformance/expect.ts'
import { sleep } from '../src/runtime/abort.ts'

type Added = { type: 'Added'; data: string }

function abortController() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort('aborted') }
}

const never = new Promise<never>(() => {})

describe('turns', () => {
  it('go to the commands of a stream in the order of their calls', async () => {
    const turns = new Turns(60_000)
    const order: number[] = []
    let running = 0
    await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        turns.take('a', undefined, async () => {
          expect(++running).toBe(1)
          await new Promise(setImmediate)
          order.push(number)
          running--
        }),
      ),
    )
    expect(order).toEqual(Array.from({ length: 20 }, (_, number) => number))
  })

  it('pass on when they are overdue, once, and not to the commands behind the next one', async () => {
    const turns = new Turns(30)
    const held = latch()
    const overdue = turns.take('a', undefined, () => held.released)
    const order: string[] = []
    const second = turns.take('a', undefined, async () => {
      order.push('second begins')
      held.release()
      await overdue
      await new Promise(setImmediate)
      order.push('second ends')
    })
    await Promise.all([second, turns.take('a', undefined, async () => order.push('third begins'))])
    expect(order).toEqual(['second begins', 'second ends', 'third begins'])
  })

  it('last as long as the command extends them in time', async () => {
    const turns = new Turns(200)
    const order: string[] = []
    const long = turns.take('a', undefined, async (extendTurn) => {
      for (let round = 0; round < 8; round++) {
        await sleep(50)
        extendTurn()
      }
      order.push('first')
    })
    await Promise.all([long, turns.take('a', undefined, async () => order.push('second'))])
    expect(order).toEqual(['first', 'second'])
  })

  it('pass on from a command that gets its turn in the moment of its abort', async () => {
    // The abort comes from 8 microtasks before to 8 microtasks after the end of the turn before.
    for (let lead = -8; lead <= 8; lead++) {
      const turns = new Turns(60_000)
      const held = latch()
      const { signal, abort } = abortController()
      const first = turns.take('a', undefined, () => held.released)
      const outcome = turns.take('a', signal, async () => signal.throwIfAborted()).catch((reason) => reason)
      const last = turns.take('a', undefined, async () => 'last')
      if (lead < 0) abort()
      for (let left = -lead; left > 0; left--) await undefined
      held.release()
      for (let left = lead; left > 0; left--) await undefined
      abort()
      expect(await last).toBe('last')
      expect(['aborted', undefined]).toContain(await outcome)
      await first
    }
  })

  it('leave nothing behind of the streams whose commands have ended', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const turns = new Turns(60_000)
    const abort = AbortSignal.abort('before')
    const used = () => {
      collectGarbage()
      return process.memoryUsage().heapUsed
    }
    const before = used()
    for (let number = 0; number < 20_000; number++) {
      const stream = `${number}`.padEnd(1_000, '-')
      const first = turns.take(stream, undefined, async () => {})
      await turns.take(stream, abort, async () => {}).catch(() => {})
      await first
    }
    // 20,000 kept names would take 20 MB.
    expect(used() - before).toBeLessThan(5_000_000)
  })
})

describe('a decision that hangs', () => {
  const handlerWith = (wait: () => Promise<unknown>) =>
    commandHandler({
      store: memoryStore(),
      decider: decider({
        initialState: () => 0,
        async decide(text: string): Promise<Added> {
          if (text === 'hang') await wait()
          return { type: 'Added', data: text }
        },
        evolve: (count, _event) => count + 1,
      }),
    })

  it('holds up the commands behind it for 5 seconds, and no longer', async () => {
    const handle = handlerWith(() => never)
    handle('a', 'hang')
    expect((await Promise.all([handle('a', 'b'), handle('a', 'c')])).map(({ version }) => version)).toEqual([
      1, 2,
    ])
    expect((await handle('a', 'd')).version).toBe(3)
  }, 20_000)

  it('ends when its caller aborts it, and the next command begins at once', async () => {
    const handle = handlerWith(() => never)
    const controller = new AbortController()
    const hanging = handle('a', 'hang', { signal: controller.signal }).catch((reason) => reason)
    const next = handle('a', 'b')
    await new Promise(setImmediate)
    controller.abort('enough')
    expect(await hanging).toBe('enough')
    expect((await next).version).toBe(1)
  }, 4_000)

  it('may wait for a command on the same stream, which begins after 5 seconds', async () => {
    let inner: Promise<unknown> | undefined
    const handle = handlerWith(() => {
      inner ??= handle('a', 'inner')
      return inner
    })
    expect((await handle('a', 'hang')).version).toBe(2)
  }, 20_000)
})
