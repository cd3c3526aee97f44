/** Tests functions of Lambda as processes: frozen between two calls, and killed at their timeout. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counted, range } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type Program, startProgram } from '../child-program.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'
import { newSlot } from './lambda-events.ts'
import type { Answer, Invocation } from './programs/lambda-function.ts'
import { seenAndStored } from './seen.ts'

const program = new URL('./programs/lambda-function.ts', import.meta.url)
const partitions = 2
const leaseTime = 2_000

describe.each(oneEmulator)('functions of Lambda on %s', (emulator) => {
  let ground: Ground
  const functions: Program[] = []
  beforeAll(async () => {
    ground = await startGround(emulator)
  })
  afterAll(async () => {
    await Promise.all(functions.map((one) => one.kill()))
    await ground?.end()
  })

  async function open() {
    const table = ground.table()
    const { store } = ground.open(table, { gapTimeout: 200 })
    await store.schema.create()
    const start = () => {
      const words = [ground.endpoint, table, String(partitions), String(leaseTime)]
      const started = startProgram(program, ...words)
      functions.push(started)
      return started
    }
    const append = (count: number) =>
      Promise.all(range(1, 6).map((nth) => store.append(`s-${nth}`, counted(count))))
    const check = async () => {
      const { seen, stored } = await seenAndStored(store)
      expect(seen).toEqual(stored)
    }
    return { store, start, append, check }
  }

  function call(one: Program, time = 20_000, mistake?: Invocation['mistake']): Promise<Answer> {
    one.tell({ event: newSlot, time, mistake } satisfies Invocation)
    return one.said<Answer>()
  }

  async function requestsOf(one: Program): Promise<number> {
    one.tell('count')
    return one.said<number>()
  }

  it('send no request after the handler has resolved or failed', async () => {
    const { store, start, append, check } = await open()
    const one = start()
    const pause = async ({ requests }: Answer) => {
      // A heartbeat comes each 2 s.
      await sleep(2_500)
      expect(await requestsOf(one)).toBe(requests)
    }
    await append(5)
    const first = await call(one)
    expect(first).toMatchObject({ code: null, handled: 30 })
    await pause(first)
    await pause(await call(one))
    await append(5)
    const failed = await call(one, 20_000, 'fail')
    expect(failed).toMatchObject({ code: 'wake-up-failed', failures: ['subscription-failed'] })
    await pause(failed)
    expect(await call(one, 3_500, 'hang')).toBe('hangs')
    const answer = await one.said<Answer>()
    expect(answer).toMatchObject({ code: 'wake-up-failed', failures: ['subscription-behind'] })
    await pause(answer)
    await store.subscriptions.pause('seen')
    await pause(await call(one))
    await store.subscriptions.resume('seen')
    expect(await call(one)).toMatchObject({ code: null, handled: 30 })
    await check()
  }, 120_000)

  it('disturb nothing when they are frozen for longer than their lease, and continue when they are thawed', async () => {
    const { store, start, append, check } = await open()
    const [one, other] = [start(), start()]
    await append(5)
    expect(await call(one)).toMatchObject({ handled: 30 })
    expect(await call(other)).toMatchObject({ handled: 0 })
    process.kill(one.pid, 'SIGSTOP')
    await append(5)
    // A function that is frozen holds no lease.
    expect(await store.subscriptionStatus('seen')).toMatchObject({ owners: [] })
    expect(await call(other)).toMatchObject({ code: null, handled: 30 })
    await sleep(leaseTime + 1_000)
    await append(5)
    process.kill(one.pid, 'SIGCONT')
    const answers = await Promise.all([call(one), call(other)])
    expect(answers.map(({ code }) => code)).toEqual([null, null])
    expect(answers.reduce((sum, { handled }) => sum + handled, 0)).toBe(30)
    process.kill(one.pid, 'SIGSTOP')
    await sleep(leaseTime + 1_000)
    process.kill(one.pid, 'SIGCONT')
    await sleep(1_000)
    await append(5)
    expect(await call(other)).toMatchObject({ code: null, handled: 30 })
    expect(await call(one)).toMatchObject({ code: null, handled: 0 })
    await check()
  }, 120_000)

  it('take over the leases of one that was killed at its timeout, also by several calls that are shorter', async () => {
    const { start, append, check } = await open()
    const [one, other] = [start(), start()]
    await append(5)
    one.tell({ event: newSlot, time: 20_000, mistake: 'hang' } satisfies Invocation)
    expect(await one.said()).toBe('hangs')
    await one.kill()
    const answers: Answer[] = []
    // Each call has 1 s until its reserve begins.
    do answers.push(await call(other, 3_000))
    while (answers.at(-1)?.code !== null)
    expect(answers.length).toBeGreaterThan(1)
    for (const { failures } of answers.slice(0, -1)) expect(failures).toEqual(['subscription-behind'])
    await check()
  }, 120_000)
})
